//! What stands in the files of runtimes. All of it is others' choice.

use std::collections::HashMap;

use serde::Deserialize;

use super::table::{Form, Said, TABLE};
use crate::model::{LONGEST_NAME, printable};

/// The longest name of an image, in characters: names of registries and repositories, tag and digest.
const LONGEST_IMAGE: usize = 512;

/// What a file says of a container. `None`: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub container_name: Option<String>,
    pub image: Option<String>,
    pub pod_namespace: Option<String>,
    pub pod_name: Option<String>,
    pub pod_uid: Option<String>,
}

#[derive(Deserialize)]
struct Bundle {
    #[serde(default)]
    annotations: Option<HashMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Docker {
    name: Option<String>,
    config: Option<DockerConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerConfig {
    image: Option<String>,
    labels: Option<HashMap<String, String>>,
}

#[derive(Deserialize)]
struct Stored {
    id: String,
    names: Option<Vec<String>>,
    /// JSON in a string.
    metadata: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Metadata {
    image_name: Option<String>,
}

impl Told {
    /// Reads a file. `None`: it says nothing of that container, or is not written so.
    pub fn read(form: Form, bytes: &[u8], id: &str) -> Option<Self> {
        let mut told = Self::default();
        match form {
            Form::Bundle => {
                let bundle: Bundle = serde_json::from_slice(bytes).ok()?;
                told.take(form, &bundle.annotations.unwrap_or_default());
            }
            Form::Docker => {
                let docker: Docker = serde_json::from_slice(bytes).ok()?;
                told.container_name = docker.name.as_deref().map(|name| {
                    // Links between containers had paths of several names once.
                    cut(name.trim_start_matches('/'))
                });
                if let Some(config) = docker.config {
                    told.image = config.image.as_deref().map(image);
                    told.take(form, &config.labels.unwrap_or_default());
                }
            }
            Form::Storage => {
                let all: Vec<Stored> = serde_json::from_slice(bytes).ok()?;
                let it = all.into_iter().find(|it| it.id == id)?;
                let metadata = it.metadata.as_deref().map(serde_json::from_str);
                let metadata: Metadata = metadata.and_then(Result::ok).unwrap_or_default();
                told.container_name = it.names.iter().flatten().next().map(|name| cut(name));
                told.image = metadata.image_name.as_deref().map(image);
            }
        }
        for it in told.all() {
            // Written, and empty.
            *it = it.take().filter(|text| !text.is_empty());
        }
        Some(told)
    }

    /// Takes what is known of annotations, or labels.
    fn take(&mut self, form: Form, values: &HashMap<String, String>) {
        for row in TABLE.keys.iter().filter(|row| row.form == form) {
            let Some(value) = values.get(&row.key).filter(|value| !value.is_empty()) else {
                continue;
            };
            match row.is {
                Said::ContainerName => self.container_name = Some(cut(value)),
                Said::Image => self.image = Some(image(value)),
                Said::PodNamespace => self.pod_namespace = Some(cut(value)),
                Said::PodName => self.pod_name = Some(cut(value)),
                Said::PodUid => self.pod_uid = Some(cut(value)),
            }
        }
    }

    /// Takes what another file says besides.
    pub fn add(&mut self, mut other: Self) {
        for (it, more) in self.all().into_iter().zip(other.all()) {
            if it.is_none() {
                *it = more.take();
            }
        }
    }

    fn all(&mut self) -> [&mut Option<String>; 5] {
        [
            &mut self.container_name,
            &mut self.image,
            &mut self.pod_namespace,
            &mut self.pod_name,
            &mut self.pod_uid,
        ]
    }
}

fn cut(name: &str) -> String {
    printable(name.as_bytes(), LONGEST_NAME)
}

fn image(name: &str) -> String {
    printable(name.as_bytes(), LONGEST_IMAGE)
}
