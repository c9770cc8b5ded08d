/**
 * What every tab's model does: it asks the server while its tab is in sight, asks again when something changed, keeps what it has
 * when the server does not answer, and says why. It knows no React. A tab's own model says what to ask, in `load`.
 */

import { Signal, type ISignal } from '@lumino/signaling';

import type { Change } from '../api/answers';
import { ApiError, type Requests } from '../api/client';
import { problemOf, type Problem } from './problem';
import type { PanelState } from './state';

const SETTLE = 120;
const RETRY = 3000;

/** What a tab's model may use: the server, the panel that it is part of, and what happened. */
export interface Surroundings {
  readonly requests: Requests;
  readonly changes: ISignal<unknown, Change>;
  /** The panel: its notebook, session, experiment, tasks. */
  readonly panel: { readonly state: PanelState; readonly stateChanged: ISignal<unknown, void> };
}

/** How the last look went, beside what it brought. */
export interface Look {
  /** True until the first answer is there. */
  readonly loading: boolean;
  readonly problem: Problem | null;
}

export abstract class TabModel<S extends object> {
  constructor(protected readonly around: Surroundings, state: S) {
    this._state = { ...state, loading: true, problem: null };
    around.changes.connect(this.onChange, this);
    around.panel.stateChanged.connect(this.onPanel, this);
  }

  get state(): S & Look {
    return this._state;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The tab came into sight: it is looked at now, and again when something changed. */
  show(): void {
    this.inSight = true;
    if (this.dirty) {
      this.refresh(0);
    }
  }

  hide(): void {
    this.inSight = false;
  }

  /** Look again soon. Calls that come close together are one look; out of sight, it waits until the tab is shown. */
  refresh(delay = SETTLE): void {
    this.dirty = true;
    if (!this.inSight || this.disposed || this.looking) {
      return;
    }
    clearTimeout(this.pending);
    this.pending = setTimeout(() => void this.look(), delay);
  }

  dispose(): void {
    this.disposed = true;
    clearTimeout(this.pending);
    Signal.disconnectReceiver(this);
    Signal.clearData(this);
  }

  /** Ask the server, `set` what it says. What it throws is shown as the tab's problem. */
  protected abstract load(): Promise<void>;

  /** The nouns of changes that this tab shows; null: all. */
  protected readonly nouns: readonly Change['noun'][] | null = null;

  /** What of the panel this tab depends on: another text means another look. By default notebook and experiment. */
  protected subject(panel: PanelState): string {
    return JSON.stringify([panel.path, panel.live?.session?.experiment_id ?? '']);
  }

  protected set(part: Partial<S>, look: Partial<Look> = {}): void {
    if (!this.disposed) {
      this._state = { ...this._state, ...part, ...look };
      this._changed.emit(undefined);
    }
  }

  private async look(): Promise<void> {
    this.looking = true;
    this.dirty = false;
    let delay = SETTLE;
    try {
      await this.load();
      this.set({}, { loading: false, problem: null });
    } catch (error) {
      this.set({}, { loading: false, problem: problemOf(error) });
      if (error instanceof ApiError && error.status === 0) {
        this.dirty = true;
        delay = RETRY;
      }
    } finally {
      this.looking = false;
    }
    if (this.dirty) {
      this.refresh(delay);
    }
  }

  private onChange(_: unknown, change: Change): void {
    if (this.nouns?.includes(change.noun) ?? true) {
      this.refresh();
    }
  }

  private onPanel(): void {
    const now = this.subject(this.around.panel.state);
    if (now !== this.about) {
      this.about = now;
      this.refresh();
    }
  }

  private _state: S & Look;
  private about = '';
  private inSight = false;
  private dirty = true;
  private looking = false;
  private disposed = false;
  private pending: ReturnType<typeof setTimeout> | undefined;
  private readonly _changed = new Signal<this, void>(this);
}
