import { parseTrust, type Trust, type TrustSource } from './trust.ts';

export interface TrustKeeping {
  readonly source: TrustSource;
  readonly everySeconds: number;
  /** Takes what is new. */
  readonly present: (trust: Trust) => void;
  /** What was read before stays in use. Told once, and again when it fails for another reason. */
  readonly failed: (failure: Error) => void;
}

/**
 * Looks every so often whether what the gateway trusts has changed, and presents it where it has; one look
 * at a time. The answer stops it.
 */
export function keepTrustCurrent(
  first: Trust,
  { source, everySeconds, present, failed }: TrustKeeping,
): () => void {
  let { digest } = first;
  let lastFailure = '';
  let isLooking = false;
  const look = async (): Promise<void> => {
    try {
      const next = parseTrust(await source.read());
      lastFailure = '';
      if (next.digest === digest) return;
      present(next);
      digest = next.digest;
    } catch (failure) {
      const error = failure instanceof Error ? failure : new Error(String(failure));
      if (error.message !== lastFailure) failed(error);
      lastFailure = error.message;
    }
  };
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    void look().finally(() => {
      isLooking = false;
    });
  }, everySeconds * 1000).unref();
  return () => clearInterval(timer);
}
