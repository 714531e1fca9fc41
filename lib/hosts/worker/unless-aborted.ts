/** What the work comes to; throws the signal's reason as soon as that is aborted, and hands over what it comes to after that. */
export function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
  late: (result: T) => void = () => {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    const give = (): void => reject(signal.reason);
    if (signal.aborted) give();
    signal.addEventListener('abort', give, { once: true });
    work
      .then((result) => (signal.aborted ? late(result) : resolve(result)), reject)
      .finally(() => signal.removeEventListener('abort', give));
  });
}
