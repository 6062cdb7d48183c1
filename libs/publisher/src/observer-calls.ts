import type { PublisherObserver } from './publisher-observer';

/** The observer, complete, with what it throws dropped: its mistake must not stop the sending. */
export function observerCalls(observer: PublisherObserver): Required<PublisherObserver> {
  return {
    onSent: quiet((events) => observer.onSent?.(events)),
    onResent: quiet((events) => observer.onResent?.(events)),
    onAnswered: quiet((answer) => observer.onAnswered?.(answer)),
    onTrouble: quiet((trouble) => observer.onTrouble?.(trouble)),
    onRecoveredFailed: quiet((events, error) => observer.onRecoveredFailed?.(events, error)),
  };
}

function quiet<Args extends readonly unknown[]>(tell: (...args: Args) => void) {
  return (...args: Args): void => {
    try {
      tell(...args);
    } catch {
      // See above.
    }
  };
}
