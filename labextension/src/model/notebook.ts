/**
 * The current notebook as the panel sees it: its path, its kernel, its cells, and a signal for what changed.
 *
 * The model works against the interfaces; `TrackedNotebook` is the one that JupyterLab's notebook tracker stands behind.
 */

import { PathExt } from '@jupyterlab/coreutils';
import { NotebookActions, type INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';
import { Signal, type ISignal } from '@lumino/signaling';

import type { CellSource } from '../api/schema';
import { forget, probe, track, type Probe, type TrackAnswer } from './kernel';

export interface KernelPort {
  readonly id: string;
  readonly displayName: string;
  readonly busy: boolean;
  language(): Promise<string>;
  probe(): Promise<Probe>;
  track(): Promise<TrackAnswer>;
  /** Delete names in the user's namespace. */
  forget(names: readonly string[]): Promise<void>;
}

/** JupyterLab's words for a kernel that is on its way. */
const COMING: ReadonlySet<string> = new Set(['initializing', 'starting', 'connecting']);

export interface NotebookPort {
  readonly path: string;
  readonly name: string;
  /** Null while there is none; `starting` tells the two cases apart. */
  readonly kernel: KernelPort | null;
  readonly starting: boolean;
  /** Scroll to the cell and make it the active one; false if the notebook no longer has it. */
  reveal(cell: string): Promise<boolean>;
  /** The code cells from top to bottom, as they stand now. */
  cells(): CellSource[];
  /** Run a cell in its place, by its id and its position among the code cells; true if it went well. */
  run(cell: string, position: number): Promise<boolean>;
  /** Put a source into a cell, so that the notebook's undo takes it back; false if the notebook no longer has the cell. */
  restore(cell: string, source: string): boolean;
}

/** What changed: another notebook, its kernel (`found`: the one that opening it brought), the kernel's process, a cell that ended, the kernel's status, the path, its text or outputs. */
export type NotebookChange = 'notebook' | 'kernel' | 'found' | 'restart' | 'executed' | 'status' | 'path' | 'content';

export interface NotebookSource {
  readonly current: NotebookPort | null;
  readonly changed: ISignal<NotebookSource, NotebookChange>;
}

class LiveKernel implements KernelPort {
  constructor(
    private readonly kernel: Kernel.IKernelConnection,
    readonly displayName: string
  ) {}

  get id(): string {
    return this.kernel.id;
  }

  get busy(): boolean {
    return this.kernel.status === 'busy';
  }

  async language(): Promise<string> {
    return (await this.kernel.info).language_info.name;
  }

  probe(): Promise<Probe> {
    return probe(this.kernel);
  }

  track(): Promise<TrackAnswer> {
    return track(this.kernel);
  }

  forget(names: readonly string[]): Promise<void> {
    return forget(this.kernel, names);
  }
}

class LiveNotebook implements NotebookPort {
  constructor(private readonly panel: NotebookPanel) {}

  get path(): string {
    return this.panel.context.path;
  }

  get name(): string {
    return PathExt.basename(this.panel.context.path);
  }

  get kernel(): KernelPort | null {
    const context = this.panel.sessionContext;
    const kernel = context.session?.kernel;
    return kernel ? new LiveKernel(kernel, context.kernelDisplayName) : null;
  }

  get starting(): boolean {
    const context = this.panel.sessionContext;
    // A context can be ready before its kernel has come up.
    return !context.hasNoKernel && (!context.isReady || COMING.has(context.kernelDisplayStatus));
  }

  async reveal(cell: string): Promise<boolean> {
    const notebook = this.panel.content;
    const index = notebook.widgets.findIndex(widget => widget.model.id === cell);
    const widget = notebook.widgets[index];
    if (!widget) {
      return false;
    }
    notebook.deselectAll();
    notebook.activeCellIndex = index;
    notebook.mode = 'command';
    await notebook.scrollToCell(widget, 'smart');
    return true;
  }

  async run(cell: string, position: number): Promise<boolean> {
    const { content, sessionContext } = this.panel;
    const code = content.widgets.filter(widget => widget.model.type === 'code');
    const widget = code[position]?.model.id === cell ? code[position] : code.find(other => other.model.id === cell);
    return widget !== undefined && (await NotebookActions.runCells(content, [widget], sessionContext));
  }

  cells(): CellSource[] {
    const models = this.panel.content.widgets.map(widget => widget.model);
    return models.filter(model => model.type === 'code').map(model => ({ id: model.id, source: model.sharedModel.getSource() }));
  }

  restore(cell: string, source: string): boolean {
    const widget = this.panel.content.widgets.find(one => one.model.id === cell);
    widget?.model.sharedModel.setSource(source);
    return widget !== undefined;
  }
}

/** The notebook that JupyterLab's tracker calls current. Signals of notebooks left behind are disconnected. */
export class TrackedNotebook implements NotebookSource {
  constructor(private readonly tracker: INotebookTracker) {
    tracker.currentChanged.connect(() => this.attach());
    NotebookActions.executed.connect((_, { notebook }) => this.executed(notebook));
    this.attach();
  }

  get current(): NotebookPort | null {
    return this.panel ? new LiveNotebook(this.panel) : null;
  }

  get changed(): ISignal<this, NotebookChange> {
    return this._changed;
  }

  private executed(notebook: unknown): void {
    if (this.panel && notebook === this.panel.content) {
      this._changed.emit('executed');
    }
  }

  private attach(): void {
    const panel = this.tracker.currentWidget;
    if (panel === this.panel) {
      return;
    }
    if (this.panel && !this.panel.isDisposed) {
      Signal.disconnectBetween(this.panel.sessionContext, this);
      Signal.disconnectBetween(this.panel.context, this);
      Signal.disconnectBetween(this.panel.context.model, this);
    }
    this.panel = panel;
    panel?.sessionContext.kernelChanged.connect(this.onKernel, this);
    panel?.sessionContext.statusChanged.connect(this.onStatus, this);
    panel?.context.pathChanged.connect(this.onPath, this);
    panel?.context.model.contentChanged.connect(this.onContent, this);
    this._changed.emit('notebook');
  }

  private onKernel(): void {
    this._changed.emit(this.panel?.sessionContext.isReady === true ? 'kernel' : 'found');
  }

  private onStatus(_: unknown, status: Kernel.Status): void {
    const restarted = status === 'restarting' || status === 'autorestarting';
    this._changed.emit(restarted ? 'restart' : 'status');
  }

  private onPath(): void {
    this._changed.emit('path');
  }

  private onContent(): void {
    this._changed.emit('content');
  }

  private panel: NotebookPanel | null = null;
  private readonly _changed = new Signal<this, NotebookChange>(this);
}
