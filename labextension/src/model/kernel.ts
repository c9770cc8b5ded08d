/**
 * What the panel asks of a kernel: whether mlops_jupyter is importable there, and to start tracking.
 *
 * The question is one user expression of a silent execution, evaluated in a namespace of its own: no name is left behind, no
 * prompt number is used, no hook of the user's (or ours) sees a cell. mlops_jupyter itself is looked for, not imported.
 */

import type { Kernel, KernelMessage } from '@jupyterlab/services';

/** What a kernel said about itself. */
export interface Probe {
  installed: boolean;
  /** Version of mlops_jupyter in that kernel; "" if it is importable but not installed as a distribution. */
  version: string;
  executable: string;
  tracking: boolean;
}

const QUESTION = `
import importlib.util, json, sys
installed = importlib.util.find_spec("mlops_jupyter") is not None
version = ""
if installed:
    try:
        from importlib.metadata import version as version_of
        version = version_of("mlops_jupyter")
    except ImportError:
        version = getattr(sys.modules.get("mlops_jupyter"), "__version__", "")
current = getattr(sys.modules.get("mlops_jupyter.capture.ipython"), "current", None)
tracking = current is not None and current() is not None
facts = {"installed": installed, "version": version, "executable": sys.executable, "tracking": tracking}
answer = json.dumps(facts).encode("utf-8").hex()
`;

/** An expression that runs the question in a namespace of its own and gives the answer in hexadecimal: plain text in any repr. */
const EXPRESSION = `(lambda own: (__import__("builtins").exec(${JSON.stringify(QUESTION)}, own), own["answer"])[1])({})`;

export const TRACK = '%load_ext mlops_jupyter\n%mlops track';

function decode(repr: string): Probe | null {
  const hex = /^'([0-9a-f]+)'$/.exec(repr.trim())?.[1];
  if (hex === undefined) {
    return null;
  }
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], pair => parseInt(pair, 16));
  return JSON.parse(new TextDecoder().decode(bytes)) as Probe;
}

interface ExpressionAnswer {
  status?: string;
  data?: Record<string, unknown>;
  evalue?: string;
}

/** Ask the kernel. It answers when it is idle; rejects if it dies before that. */
export async function probe(kernel: Kernel.IKernelConnection): Promise<Probe> {
  const future = kernel.requestExecute({
    code: '',
    silent: true,
    store_history: false,
    allow_stdin: false,
    user_expressions: { mlops: EXPRESSION }
  });
  const reply = await future.done;
  if (reply.content.status !== 'ok') {
    throw new Error(`The kernel did not answer: ${reply.content.status}`);
  }
  const answer = reply.content.user_expressions.mlops as ExpressionAnswer | undefined;
  const text = answer?.data?.['text/plain'];
  const found = typeof text === 'string' ? decode(text) : null;
  if (found === null) {
    throw new Error(`The kernel did not answer: ${answer?.evalue ?? 'no answer'}`);
  }
  return found;
}

/** What tracking printed, and whether it started. */
export interface TrackAnswer {
  ok: boolean;
  text: string;
}

function printed(message: KernelMessage.IIOPubMessage): string {
  const content = message.content as { text?: unknown; data?: Record<string, unknown>; ename?: unknown; evalue?: unknown };
  switch (message.header.msg_type) {
    case 'stream':
      return typeof content.text === 'string' ? content.text : '';
    case 'display_data':
    case 'execute_result': {
      const text = content.data?.['text/plain'];
      return typeof text === 'string' ? text + '\n' : '';
    }
    case 'error':
      return `${String(content.ename)}: ${String(content.evalue)}\n`;
    default:
      return '';
  }
}

/** Delete names, by a cell of its own, so that the ledger knows. Those that are not there are passed over. */
export async function forget(kernel: Kernel.IKernelConnection, names: readonly string[]): Promise<void> {
  const known = names.filter(name => /^[\p{ID_Start}_][\p{ID_Continue}]*$/u.test(name));
  const code = known.map(name => `if ${JSON.stringify(name)} in globals(): del ${name}`).join('\n');
  await kernel.requestExecute({ code, store_history: false, allow_stdin: false }).done;
}

/** Start tracking in the kernel, as a user would with the two magics, but outside the history. */
export async function track(kernel: Kernel.IKernelConnection): Promise<TrackAnswer> {
  const future = kernel.requestExecute({ code: TRACK, store_history: false, allow_stdin: false, stop_on_error: true });
  let text = '';
  future.onIOPub = message => {
    text += printed(message);
  };
  const reply = await future.done;
  return { ok: reply.content.status === 'ok', text: text.trim() };
}
