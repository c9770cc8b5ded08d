/**
 * Which notebooks the user wants tracked in every kernel that they start: a list of paths in the user's own settings.
 *
 * It acts when a user starts or restarts a kernel, never on the kernel that opening a notebook brought up.
 */

import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { Signal, type ISignal } from '@lumino/signaling';

const KEY = 'trackedNotebooks';

export interface Habits {
  /** Whether whoever holds them starts tracking by them and follows a notebook that is renamed; else they are only shown and set. */
  readonly acts: boolean;
  has(path: string): boolean;
  set(path: string, on: boolean): Promise<void>;
  readonly changed: ISignal<unknown, void>;
}

function pathsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((path): path is string => typeof path === 'string') : [];
}

/** Kept in the settings, so that they follow the user to other browsers. */
export class KeptHabits implements Habits {
  readonly acts = true;

  constructor(private readonly settings: ISettingRegistry.ISettings) {
    settings.changed.connect(() => this._changed.emit(undefined));
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  has(path: string): boolean {
    return pathsOf(this.settings.get(KEY).composite).includes(path);
  }

  async set(path: string, on: boolean): Promise<void> {
    const others = pathsOf(this.settings.get(KEY).composite).filter(other => other !== path);
    await this.settings.set(KEY, on ? [...others, path] : others);
  }

  private readonly _changed = new Signal<this, void>(this);
}

/** For a Lab without settings, and until they are read: they last as long as the page. */
export class PassingHabits implements Habits {
  readonly acts = true;

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  has(path: string): boolean {
    return this.paths.has(path);
  }

  set(path: string, on: boolean): Promise<void> {
    if (on) {
      this.paths.add(path);
    } else {
      this.paths.delete(path);
    }
    this._changed.emit(undefined);
    return Promise.resolve();
  }

  private readonly paths = new Set<string>();
  private readonly _changed = new Signal<this, void>(this);
}

/**
 * The user's habits, which several panels show. Only the first acts by them: two would both track the notebook, and both move its path.
 *
 * They pass with the page until those that are kept were read.
 */
export class CommonHabits implements Habits {
  readonly acts = true;

  constructor() {
    this.held.changed.connect(this.tell, this);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  has(path: string): boolean {
    return this.held.has(path);
  }

  set(path: string, on: boolean): Promise<void> {
    return this.held.set(path, on);
  }

  /** From now on, these. */
  keep(habits: Habits): void {
    this.held.changed.disconnect(this.tell, this);
    this.held = habits;
    habits.changed.connect(this.tell, this);
    this.tell();
  }

  /** The same, for another panel. */
  shown(): Habits {
    const { changed } = this;
    return { acts: false, changed, has: path => this.has(path), set: (path, on) => this.set(path, on) };
  }

  private tell(): void {
    this._changed.emit(undefined);
  }

  private held: Habits = new PassingHabits();
  private readonly _changed = new Signal<this, void>(this);
}

/** A notebook that is always tracked has another path now. */
export async function moved(habits: Habits, from: string, to: string): Promise<void> {
  await habits.set(from, false);
  await habits.set(to, true);
}
