use tcptrace::*;
fn main(){
  let f = filter::Filter::default();
  let t=std::time::Instant::now();
  let (k, mut r) = match kernel::Kernel::load(&kernel::Options{filter:&f,buffer_bytes:8<<20,follow:false,log:false}) { Ok(x)=>x, Err(e)=>{println!("{e}");std::process::exit(3)} };
  println!("{:?} {:?}", k.degraded, t.elapsed());
  let t=std::time::Instant::now();
  let snap = snapshot::take(None);
  println!("{:?} {:#?}", t.elapsed(), snap);
  let mut tr = track::Tracker::new(Default::default(), k.minisocks);
  for s in &snap.sockets { tr.seed(s); }
  for _ in 0..std::env::args().nth(1).unwrap().parse::<u32>().unwrap() {
    std::thread::sleep(std::time::Duration::from_millis(50));
    let now = kernel::monotonic_now();
    let mut out = |t: &track::Transition| println!("   {:?} {:?} {:?}->{:?} {} {:?} {:?} held {:?} {:?} {:?} {:?}", t.time_ns, t.cookie, t.tuple.local, t.tuple.remote, t.from, t.to, t.reason, t.held_ns, t.opener, t.closer, t.owner.process);
    r.drain(100000, |b| { match decode::decode(b,&k.symbols) { Ok(e)=>{ if std::env::args().count()>2 {println!("{e:?}");} tr.apply(&e,&mut out); }, Err(e)=>println!("{e}") } });
    tr.advance(now-1_000_000, &mut out);
  }
}
