//! Many changes at once: a few at a time, each with an outcome of its own, and none the worse for another's failure.
//!
//! Ctrl-C begins no more of them, and waits for those that run, so that it is known what was done.

use std::pin::pin;

use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;

use crate::failure::Failure;
use crate::interrupt::Signals;
use crate::output;

/// How many run at once: fast, and gentle to the API server.
const CONCURRENCY: usize = 16;

/// What became of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress<R> {
    /// It ran to its end.
    Finished(R),
    /// It was interrupted while it ran: nobody knows.
    Unknown,
    /// It was never begun.
    NotBegun,
}

/// Runs `work` on every target, and tells `each` the number and outcome of every one that ends. Returns what became of
/// each, in the order of the targets, and whether it was interrupted.
pub(crate) async fn run<T, R, F: Future<Output = R>>(
    targets: Vec<T>,
    work: impl Fn(T) -> F,
    mut each: impl FnMut(usize, &R),
) -> Result<(Vec<Progress<R>>, bool), Failure> {
    let mut signals = Signals::listen()?;
    let mut outcomes: Vec<_> = targets.iter().map(|_| Progress::NotBegun).collect();
    let mut open = targets.into_iter().enumerate();
    let mut running = FuturesUnordered::new();
    let mut interrupted = false;
    loop {
        while !interrupted && running.len() < CONCURRENCY {
            let Some((number, target)) = open.next() else { break };
            outcomes[number] = Progress::Unknown;
            let work = work(target);
            running.push(async move { (number, work.await) });
        }
        let signal = pin!(signals.next());
        match select(running.next(), signal).await {
            Either::Left((None, _)) => break,
            Either::Left((Some((number, result)), _)) => {
                each(number, &result);
                outcomes[number] = Progress::Finished(result);
            }
            Either::Right(_) if interrupted => break,
            Either::Right(_) => {
                interrupted = true;
                if !running.is_empty() {
                    output::note("interrupted: waiting for what has begun; once more, and it is left alone");
                }
            }
        }
    }
    Ok((outcomes, interrupted))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn outcomes_are_in_the_order_of_the_targets_and_few_run_at_once() {
        let (running, most) = (Cell::new(0), Cell::new(0));
        let work = |number: u64| {
            let (running, most) = (&running, &most);
            async move {
                running.set(running.get() + 1);
                most.set(running.get().max(most.get()));
                tokio::time::sleep(Duration::from_millis(number % 7)).await;
                running.set(running.get() - 1);
                if number.is_multiple_of(3) { Err(number) } else { Ok(number) }
            }
        };
        let mut ended = 0;
        let each = |_, _: &_| ended += 1;
        let (outcomes, interrupted) = block_on(run((0..100).collect(), work, each)).unwrap();
        assert!(!interrupted);
        assert_eq!((ended, most.get()), (100, CONCURRENCY));
        let expected: Vec<_> = (0..100)
            .map(|n| Progress::Finished(if u64::is_multiple_of(n, 3) { Err(n) } else { Ok(n) }))
            .collect();
        assert_eq!(outcomes, expected);
    }
}
