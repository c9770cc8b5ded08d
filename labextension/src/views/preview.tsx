/** What a conversion would make: its parameters, its inputs, its cells with the cuts in sight. */

import * as React from 'react';

import type { Cut, Preview, PreviewCell } from '../api/answers';
import { scalar } from '../format';
import { Icon } from './icons';
import { Chip } from './parts';

/** The lines of a cell, each with whether conversion cuts it. */
export function cutLines(cell: PreviewCell): { text: string; cut: boolean }[] {
  const cuts = cell.cut ?? [];
  const lines = cell.source.split('\n');
  const marked = lines.map((text, i) => ({ text, cut: cuts.some(cut => isCut(cut, text, i + 1)) }));
  const elsewhere = cuts.filter(cut => !lines.some((text, i) => isCut(cut, text, i + 1)));
  return [...elsewhere.map(cut => ({ text: textOf(cut), cut: true })), ...marked];
}

function isCut(cut: Cut, text: string, line: number): boolean {
  if (typeof cut !== 'string' && cut.line !== undefined) {
    return cut.line === line && assigns(text, cut.name);
  }
  return typeof cut === 'string' ? text.trim() === cut.trim() || assigns(text, cut) : assigns(text, cut.name);
}

function assigns(text: string, name: string): boolean {
  return new RegExp(`^\\s*${name.replace(/[^\w]/g, '\\$&')}\\s*(:[^=]+)?=[^=]`).test(text);
}

function textOf(cut: Cut): string {
  return typeof cut === 'string' ? cut : (cut.source ?? cut.name);
}

function Cell({ cell }: { cell: PreviewCell }): React.JSX.Element {
  return (
    <pre className="jp-mlops-preview-cell">
      {cutLines(cell).map((line, i) =>
        line.cut ? (
          <del key={i} title="Becomes a parameter of the job">{line.text + '\n'}</del>
        ) : (
          <span key={i}>{line.text + '\n'}</span>
        )
      )}
    </pre>
  );
}

export function PreviewCells({ preview }: { preview: Preview }): React.JSX.Element {
  return (
    <div className="jp-mlops-block" data-testid="mlops-preview">
      <h3 className="jp-mlops-label">
        Cells <span className="jp-mlops-label-note">{`${preview.cells.length} of ${preview.cells_total} · struck out: parameter`}</span>
      </h3>
      {/* A region that scrolls must be reachable by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="jp-mlops-preview" role="region" aria-label="Cells of the job" tabIndex={0}>
        {preview.cells.map((cell, i) => (
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
