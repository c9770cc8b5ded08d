/**
 * Whether the notebook is tracked: what the server knows, and where it does not know, what the kernel itself says.
 *
 * The kernel is asked once for each of its lives; a restart keeps its id and loses its session.
 */

import type { Session } from '../api/schema';
import type { Probe } from './kernel';
import type { KernelPort, NotebookPort } from './notebook';
import { problemOf } from './problem';
import { installCommand, mismatch, type PanelState, type Phase } from './state';

/** The panel's model, as much of it as is needed here. */
interface Host {
  panel(): { readonly state: PanelState; readonly notebook: NotebookPort | null };
  set(part: Partial<PanelState>): void;
  refresh(): void;
}

export class Presence {
  constructor(private readonly host: Host) {}

  /** Another notebook, another kernel, or one that may have the package now: what was answered before counts no more. */
  forget(): void {
    this.probed = null;
  }

  /** The kernel was restarted: its session is gone, should the server not have noticed yet. */
  restarted(): void {
    const session = this.host.panel().state.live?.session;
    if (session) {
      this.gone.add(session.id);
    }
    this.forget();
  }

  /** Decide the phase. The kernel is asked only where the server does not already know that it is tracked. */
  async settle(notebook: NotebookPort, kernel: KernelPort | null): Promise<void> {
    const { live, status } = this.host.panel().state;
    const session = live?.session;
    if (!kernel) {
      this.host.set({ phase: notebook.starting ? 'checking' : 'no-kernel', mismatch: null });
    } else if (session && this.alive(session, kernel)) {
      this.host.set({ phase: 'tracked', mismatch: mismatch(status, session.version ?? '') });
    } else if (this.probed?.kernel === kernel.id) {
      this.judge(this.probed.answer);
    } else {
      const language = await kernel.language();
      if (language === 'python') {
        void this.ask(kernel);
      } else {
        this.host.set({ phase: 'other-language', language });
      }
    }
  }

  async ask(kernel: KernelPort): Promise<void> {
    if (this.asking === kernel.id) {
      return;
    }
    this.asking = kernel.id;
    try {
      const answer = await kernel.probe();
      if (this.host.panel().notebook?.kernel?.id === kernel.id) {
        this.probed = { kernel: kernel.id, answer };
        this.judge(answer);
        this.host.refresh();
      }
    } catch (error) {
      this.host.set({ problem: problemOf(error) });
    } finally {
      this.asking = '';
    }
  }

  private alive(session: Session, kernel: KernelPort): boolean {
    const owner = session.kernel_id ?? '';
    return (session.state ?? 'running') === 'running' && (owner === '' || owner === kernel.id) && !this.gone.has(session.id);
  }

  private judge(answer: Probe): void {
    const { status, live } = this.host.panel().state;
    if (!status) {
      return;
    }
    const ended = live?.session?.state === 'ended';
    const phase: Phase = !answer.installed ? 'not-installed' : answer.tracking && !ended ? 'tracked' : 'untracked';
    this.host.set({
      phase,
      installCommand: installCommand(status, answer),
      mismatch: answer.installed ? mismatch(status, answer.version) : null
    });
  }

  private probed: { kernel: string; answer: Probe } | null = null;
  private asking = '';
  private readonly gone = new Set<string>();
}

