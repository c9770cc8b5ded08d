/** What a job prints, as it comes: read from where it was read to, as long as somebody looks and the job goes on. */

import { Signal, type ISignal } from '@lumino/signaling';

import type { Requests } from '../api/client';
import { logOf } from '../api/jobs';
import { problemOf, type Problem } from './problem';

const LOOK = 1000;
const AGAIN = 4000;
/** Characters that are kept: the end of a log is what one looks for. */
const MOST = 400_000;

export interface LogState {
  readonly text: string;
  /** True if the beginning is not shown. */
  readonly cut: boolean;
  readonly loading: boolean;
  readonly problem: Problem | null;
}

export class LogTail {
  constructor(
    private readonly requests: Requests,
    private readonly id: string
  ) {}

  get state(): LogState {
    return this._state;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  start(): void {
    this.stopped = false;
    void this.look();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.pending);
  }

  /** The job has moved on: do not wait for the next look. */
  hurry(): void {
    if (!this.stopped && !this.looking) {
      clearTimeout(this.pending);
      void this.look();
    }
  }

  private async look(): Promise<void> {
    this.looking = true;
    let wait = LOOK;
    let over = false;
    try {
      const part = await logOf(this.requests, this.id, this.offset);
      const before = part.offset === this.offset ? this._state.text : '';
      const whole = before + part.text;
      this.offset = part.size;
      over = part.state !== 'queued' && part.state !== 'running' && part.state !== 'scheduled';
      this.set({ text: whole.slice(-MOST), cut: whole.length < part.size || whole.length > MOST, loading: false, problem: null });
    } catch (error) {
      wait = AGAIN;
      this.set({ ...this._state, loading: false, problem: problemOf(error) });
    } finally {
      this.looking = false;
    }
    if (!this.stopped && !over) {
      this.pending = setTimeout(() => void this.look(), wait);
    }
  }

  private set(state: LogState): void {
    if (!this.stopped) {
      this._state = state;
      this._changed.emit(undefined);
    }
  }

  private _state: LogState = { text: '', cut: false, loading: true, problem: null };
  private offset = 0;
  private stopped = true;
  private looking = false;
  private pending: ReturnType<typeof setTimeout> | undefined;
  private readonly _changed = new Signal<this, void>(this);
}
