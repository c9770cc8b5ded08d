/**
 * Which notebooks the user wants tracked in every kernel that they start: a list of paths in the user's own settings.
 *
 * It acts when a user starts or restarts a kernel, never on the kernel that opening a notebook brought up.
 */

import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { Signal, type ISignal } from '@lumino/signaling';

const KEY = 'trackedNotebooks';

export interface Habits {
  has(path: string): boolean;
  set(path: string, on: boolean): Promise<void>;
  readonly changed: ISignal<unknown, void>;
}

function pathsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((path): path is string => typeof path === 'string') : [];
}

/** Kept in the settings, so that they follow the user to other browsers. */
export class KeptHabits implements Habits {
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

/** A notebook that is always tracked has another path now. */
export async function moved(habits: Habits, from: string, to: string): Promise<void> {
  await habits.set(from, false);
  await habits.set(to, true);
}
