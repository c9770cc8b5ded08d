/** What a conversion would make: its inputs, its cells with the cuts in sight and why they are needed, and those left out. */

import * as React from 'react';

import type { Cut, DroppedCell, Preview, PreviewCell } from '../api/answers';
import type { JobInput } from '../api/schema';
import { firstLine } from '../model/cells';
import { Icon } from './icons';
import { Breakable, Chip, Fold } from './parts';
import { useText } from './text';

export interface Piece {
  kind: 'kept' | 'cut' | 'new';
  text: string;
}

function offsetOf(source: string, line: number): number {
  const before = source.split('\n').slice(0, line - 1);
  return before.reduce((sum, text) => sum + text.length + 1, 0);
}

/** A cell's source in pieces: what stays, what is cut, what takes the place of a cut. A cut that is not found comes first. */
export function pieces(cell: PreviewCell): Piece[] {
  const { source } = cell;
  const found: { at: number; cut: Cut }[] = [];
  const lost: Piece[] = [];
  for (const cut of cell.cut ?? []) {
    const near = source.indexOf(cut.text, offsetOf(source, cut.line));
    const at = near >= 0 ? near : source.indexOf(cut.text);
    if (at < 0) {
      lost.push({ kind: 'cut', text: `${cut.text}\n` });
    } else {
      found.push({ at, cut });
    }
  }
  const made: Piece[] = [];
  let end = 0;
  for (const { at, cut } of found.sort((a, b) => a.at - b.at)) {
    made.push({ kind: 'kept', text: source.slice(end, at) }, { kind: 'cut', text: cut.text }, { kind: 'new', text: cut.replaced_by ?? '' });
    end = Math.max(end, at + cut.text.length);
  }
  return [...lost, ...made, { kind: 'kept' as const, text: source.slice(end) }].filter(piece => piece.text !== '');
}

const TAGS = { kept: 'span', cut: 'del', new: 'ins' } as const;

interface PartProps {
  cell: PreviewCell;
  chosen: Chosen;
  onToggle: (n: number) => void;
}

function Cell({ cell, chosen, onToggle }: PartProps): React.JSX.Element {
  const text = useText();
  const n = cell.n ?? 0;
  const because = (cell.because ?? []).join('; ');
  return (
    <div className="jp-mlops-preview-part">
      <label className="jp-mlops-preview-head">
        <input type="checkbox" checked={!chosen.leftOut.includes(n)} onChange={() => onToggle(n)} aria-label={text.__('Cell %1 belongs to the job', n)} />
        <span className="jp-mlops-n">{n === 0 ? '' : n}</span>
        <span className="jp-mlops-because"><Breakable text={because} /></span>
      </label>
      <pre className="jp-mlops-preview-cell">
        {pieces(cell).map((piece, i) => {
          const Tag = TAGS[piece.kind];
          return <Tag key={i}>{piece.text}</Tag>;
        })}
      </pre>
    </div>
  );
}

/** Whether anything but parameters is in the cell: one that becomes empty is no cell of the job. */
function remains(cell: PreviewCell): boolean {
  return pieces(cell).some(piece => piece.kind !== 'cut' && piece.text.trim() !== '');
}

/** Executions that somebody adds to the job, or leaves out of it. */
export interface Chosen {
  readonly added: readonly number[];
  readonly leftOut: readonly number[];
}

/** The choice with this execution turned over: in where it was out, out where it was in. */
export function turned(chosen: Chosen, n: number, isIn: boolean): Chosen {
  const without = (all: readonly number[]): number[] => all.filter(one => one !== n);
  const { added, leftOut } = chosen;
  if (isIn) {
    return added.includes(n) ? { added: without(added), leftOut } : { added, leftOut: [...leftOut, n] };
  }
  return leftOut.includes(n) ? { added, leftOut: without(leftOut) } : { added: [...added, n], leftOut };
}

interface CellsProps {
  preview: Preview;
  /** Parameters that the user leaves out: their assignments stay. */
  left: ReadonlySet<string>;
  chosen: Chosen;
  onChoose: (chosen: Chosen) => void;
}

export function PreviewCells({ preview, left, chosen, onChoose }: CellsProps): React.JSX.Element {
  const text = useText();
  const cells = preview.cells.map(cell => ({ ...cell, cut: (cell.cut ?? []).filter(cut => !left.has(cut.name)) }));
  return (
    <div className="jp-mlops-block" data-testid="mlops-preview">
      <h3 className="jp-mlops-label">
        {text.__('Cells')} <span className="jp-mlops-label-note">{text.__('%1 of %2 · struck out: parameter', cells.filter(remains).length, preview.cells_total)}</span>
      </h3>
      {/* A region that scrolls must be reachable by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="jp-mlops-preview" role="region" aria-label={text.__('Cells of the job')} tabIndex={0}>
        {cells.map((cell, i) => (
          <Cell key={i} cell={cell} chosen={chosen} onToggle={n => onChoose(turned(chosen, n, !chosen.leftOut.includes(n)))} />
        ))}
      </div>
    </div>
  );
}

function Dropped({ cell, chosen, onToggle }: { cell: DroppedCell; chosen: Chosen; onToggle: () => void }): React.JSX.Element {
  const text = useText();
  return (
    <li>
      <label className="jp-mlops-preview-head" title={cell.source}>
        <input type="checkbox" checked={chosen.added.includes(cell.n)} onChange={onToggle} aria-label={text.__('Cell %1 belongs to the job', cell.n)} />
        <span className="jp-mlops-n">{cell.n}</span>
        <code className="jp-mlops-execution-line">{firstLine(cell.source)}</code>
        <span className="jp-mlops-because"><Breakable text={cell.because} /></span>
      </label>
    </li>
  );
}

/** The cells that are not in the job, each with why; a press puts one in, with what it reads. */
export function DroppedCells({ preview, chosen, onChoose }: Omit<CellsProps, 'left'>): React.JSX.Element | null {
  const text = useText();
  const dropped = preview.dropped ?? [];
  if (dropped.length === 0) {
    return null;
  }
  return (
    <div className="jp-mlops-block jp-mlops-indent">
      <Fold name="convert:dropped" label={<>{text.__('Left out')} <span className="jp-mlops-label-note">{dropped.length}</span></>} testid="mlops-show-dropped">
        <ul data-testid="mlops-dropped">
          {dropped.map(cell => <Dropped key={cell.n} cell={cell} chosen={chosen} onToggle={() => onChoose(turned(chosen, cell.n, chosen.added.includes(cell.n)))} />)}
        </ul>
      </Fold>
    </div>
  );
}

export type Policies = Readonly<Record<string, NonNullable<JobInput['policy']>>>;

function Input({ input, policy, onPolicy }: { input: JobInput; policy: NonNullable<JobInput['policy']>; onPolicy: (policy: NonNullable<JobInput['policy']>) => void }): React.JSX.Element {
  const text = useText();
  return (
    <tr>
      <th scope="row"><code>{input.name}</code></th>
      <td className="jp-mlops-path" title={input.path}>{input.path} <Chip tone="plain">{input.carried === true ? text.__('carried') : text.__('by path')}</Chip></td>
      <td>
        <select className="jp-mlops-select jp-mlops-input jp-mlops-short" value={policy} aria-label={text.__('If %1 has other columns or is broken', input.name)} onChange={event => onPolicy(event.target.value as NonNullable<JobInput['policy']>)}>
          <option value="record">{text.__('record')}</option>
          <option value="warn">{text.__('warn')}</option>
          <option value="fail">{text.__('fail')}</option>
        </select>
      </td>
    </tr>
  );
}

/** The inputs, each with what is done where it is not what it was. */
export function Inputs({ preview, policies, onPolicy }: { preview: Preview; policies: Policies; onPolicy: (name: string, policy: NonNullable<JobInput['policy']>) => void }): React.JSX.Element | null {
  const text = useText();
  if (preview.inputs.length === 0) {
    return null;
  }
  return (
    <div className="jp-mlops-block">
      <h3 className="jp-mlops-label">{text.__('Inputs')} <span className="jp-mlops-label-note">{text.__('and what to do if one has other columns')}</span></h3>
      <table className="jp-mlops-table jp-mlops-inputs">
        <tbody>
          {preview.inputs.map(input => (
            <Input key={input.name} input={input} policy={policies[input.name] ?? input.policy ?? 'warn'} onPolicy={policy => onPolicy(input.name, policy)} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Warnings({ warnings }: { warnings: readonly string[] }): React.JSX.Element | null {
  const text = useText();
  if (warnings.length === 0) {
    return null;
  }
  return (
    <ul className="jp-mlops-warnings" aria-label={text.__('Warnings')}>
      {warnings.map(warning => (
        <li key={warning} className="jp-mlops-note jp-mlops-mod-warn">
          <Icon mark="warning" />
          <span>{warning}</span>
        </li>
      ))}
    </ul>
  );
}
