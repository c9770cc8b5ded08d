/** What a conversion would make: its parameters, its inputs, its cells with the cuts in sight. */

import * as React from 'react';

import type { Cut, Preview, PreviewCell } from '../api/answers';
import { scalar } from '../model/format';
import { Icon } from './icons';
import { Chip } from './parts';

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

function Cell({ cell }: { cell: PreviewCell }): React.JSX.Element {
  return (
    <pre className="jp-mlops-preview-cell">
      {pieces(cell).map((piece, i) => {
        const Tag = TAGS[piece.kind];
        return <Tag key={i}>{piece.text}</Tag>;
      })}
    </pre>
  );
}

/** Whether anything but parameters is in the cell: one that becomes empty is no cell of the job. */
function remains(cell: PreviewCell): boolean {
  return pieces(cell).some(piece => piece.kind !== 'cut' && piece.text.trim() !== '');
}

/** The cells with their cuts; the assignments of parameters that the user leaves out stay. */
export function PreviewCells({ preview, left }: { preview: Preview; left: ReadonlySet<string> }): React.JSX.Element {
  const cells = preview.cells.map(cell => ({ ...cell, cut: (cell.cut ?? []).filter(cut => !left.has(cut.name)) }));
  return (
    <div className="jp-mlops-block" data-testid="mlops-preview">
      <h3 className="jp-mlops-label">
        Cells <span className="jp-mlops-label-note">{`${cells.filter(remains).length} of ${preview.cells_total} · struck out: parameter`}</span>
      </h3>
      {/* A region that scrolls must be reachable by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="jp-mlops-preview" role="region" aria-label="Cells of the job" tabIndex={0}>
        {cells.map((cell, i) => (
          <Cell key={i} cell={cell} />
        ))}
      </div>
    </div>
  );
}

export function Inputs({ preview }: { preview: Preview }): React.JSX.Element | null {
  if (preview.inputs.length === 0) {
    return null;
  }
  return (
    <div className="jp-mlops-block">
      <h3 className="jp-mlops-label">Inputs</h3>
      <table className="jp-mlops-table">
        <tbody>
          {preview.inputs.map(input => (
            <tr key={input.name}>
              <th scope="row"><code>{input.name}</code></th>
              <td className="jp-mlops-path" title={input.path}>{input.path}</td>
              <td><Chip tone="plain">{input.carried === true ? 'carried' : 'by path'}</Chip></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Warnings({ warnings }: { warnings: readonly string[] }): React.JSX.Element | null {
  if (warnings.length === 0) {
    return null;
  }
  return (
    <ul className="jp-mlops-warnings" aria-label="Warnings">
      {warnings.map(warning => (
        <li key={warning} className="jp-mlops-note jp-mlops-mod-warn">
          <Icon mark="warning" />
          <span>{warning}</span>
        </li>
      ))}
    </ul>
  );
}

interface KeepProps {
  preview: Preview;
  left: ReadonlySet<string>;
  onToggle: (name: string) => void;
}

/** Which literals become parameters. */
export function KeepParameters({ preview, left, onToggle }: KeepProps): React.JSX.Element {
  return (
    <fieldset className="jp-mlops-block jp-mlops-fieldset" data-testid="mlops-parameters-form">
      <legend className="jp-mlops-label">Parameters</legend>
      {preview.parameters.length === 0 && <p className="jp-mlops-muted">No literal of these cells can become a parameter.</p>}
      {preview.parameters.map(parameter => (
        <label key={parameter.name} className="jp-mlops-keep">
          <input type="checkbox" checked={!left.has(parameter.name)} onChange={() => onToggle(parameter.name)} aria-label={`Keep the parameter ${parameter.name}`} />
          <code title={parameter.description ?? parameter.name}>{parameter.name}</code>
          {parameter.varied === true && <Chip tone="plain" title="Differed between the recorded runs">varied</Chip>}
          <span className="jp-mlops-keep-type">{parameter.type}</span>
          <code className="jp-mlops-figure">{scalar(parameter.default)}</code>
        </label>
      ))}
    </fieldset>
  );
}
