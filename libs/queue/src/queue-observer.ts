/** Told what an engine notices of its storage; implemented by metrics. Must not throw. */
export interface QueueObserver {
  /** The storage is there without the data of this queue: what it had acknowledged may be lost. */
  dataLost(): void;
}
