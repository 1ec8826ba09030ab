/** Ends of the server that nobody asked for: a few are mended by starting again, many are a loop. */
export class Crashes {
  private times: number[] = [];

  constructor(
    private readonly limit = 3,
    private readonly windowMs = 180_000,
  ) {}

  /** Notes one end at `now` (milliseconds); false when starting again would only repeat it. */
  mayRestart(now: number): boolean {
    this.times = this.times.filter((time) => now - time < this.windowMs);
    this.times.push(now);
    return this.times.length <= this.limit;
  }

  forget(): void {
    this.times = [];
  }
}
