/** The Data tab: the datasets of the notebook's experiment, each with what its newest version is. */

import * as React from 'react';

import type { DatasetRow } from '../../api/schema';
import { bytes, when } from '../../model/format';
import { filtered, shapeText, shortDigest, type DataModel } from '../../model/data';
import type { PanelState } from '../../model/state';
import { Breakable, Chip, LookProblem, Waiting, useActions } from '../parts';
import { useText } from '../text';
import { useTab } from '../view';
import { Coverage, kindName } from './words';

const MANY = 8;
const SHOWN = 60;

function figures(row: DatasetRow): string {
  const size = row.nbytes === undefined || row.nbytes === null ? '' : bytes(row.nbytes);
  return [shapeText(row.shape ?? []), size].filter(part => part !== '').join(' · ');
}

function Row({ row }: { row: DatasetRow }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const used = [
    text._n('%1 cell', '%1 cells', row.cells ?? 0), (row.runs ?? 0) > 0 ? text._n('%1 run', '%1 runs', row.runs ?? 0) : '', when(row.last)
  ].filter(part => part !== '');
  return (
    <li>
      <button
        type="button" className="jp-mlops-dataset" data-testid="mlops-dataset" data-kind={row.kind} data-leads={`dataset:${row.key}`}
        onClick={() => actions.show('dataset', row.key)}
      >
        <span className="jp-mlops-dataset-name" title={row.name}>
          <strong>{row.kind === 'query' ? <code>{row.name}</code> : <Breakable text={row.name} />}</strong>
          {(row.roles ?? []).filter(role => role !== row.name).map(role => <Chip key={role} tone="plain">{role}</Chip>)}
        </span>
        <span className="jp-mlops-dataset-figures jp-mlops-figure">{figures(row)}</span>
        <span className="jp-mlops-dataset-about">
          {(row.source ?? '') !== '' && <span className="jp-mlops-wrap">{row.source}</span>}
          <span className="jp-mlops-figure">{used.map((fact, i) => <React.Fragment key={i}><span>{i < used.length - 1 ? `${fact} ·` : fact}</span> </React.Fragment>)}</span>
        </span>
        <span className="jp-mlops-dataset-version">
          <Coverage coverage={row.coverage ?? 1} />
          {(row.digest ?? '') !== '' && <code title={row.digest}>{shortDigest(row.digest ?? '')}</code>}
          {(row.versions ?? 0) > 1 && <Chip tone="plain">{text.__('%1 versions', row.versions ?? 0)}</Chip>}
        </span>
      </button>
    </li>
  );
}

function Group({ kind, rows }: { kind: string; rows: readonly DatasetRow[] }): React.JSX.Element | null {
  const text = useText();
  const id = React.useId();
  return rows.length === 0 ? null : (
    <section aria-labelledby={id}>
      <h3 className="jp-mlops-label jp-mlops-group" id={id}>{kind}</h3>
      <ul className="jp-mlops-datasets">{rows.slice(0, SHOWN).map(row => <Row key={row.key} row={row} />)}</ul>
      {rows.length > SHOWN && <p className="jp-mlops-nothing">{text.__('And %1 more: filter to find them.', rows.length - SHOWN)}</p>}
    </section>
  );
}

export function DataTab({ model, panel }: { model: DataModel; panel: PanelState }): React.JSX.Element {
  const { found, filter, loading, problem } = useTab(model);
  const text = useText();
  const all = found?.datasets ?? [];
  if (all.length === 0) {
    return (
      <div className="jp-mlops-nothing">
        <LookProblem problem={problem} onAgain={() => model.refresh(0)} />
        {problem === null && <Nothing loading={loading && panel.path !== ''} panel={panel} />}
      </div>
    );
  }
  const rows = filtered(all, filter);
  return (
    <div data-testid="mlops-data">
      <LookProblem problem={problem} onAgain={() => model.refresh(0)} />
      {all.length > MANY && (
        <div className="jp-mlops-bar-row">
          <input
            type="search" className="jp-mlops-input jp-mod-styled" aria-label={text.__('Filter datasets')} placeholder={text.__('Filter…')}
            value={filter} onChange={event => model.filter(event.target.value)}
          />
        </div>
      )}
      {(['file', 'url', 'query', 'value'] as const).map(kind => (
        <Group key={kind} kind={kindName(text, kind)} rows={rows.filter(row => row.kind === kind)} />
      ))}
      <p className="jp-mlops-nothing jp-mlops-small" role="status">
        {rows.length < all.length ? text.__('%1 of %2 datasets. ', rows.length, all.length) : ''}
        {text.__('As used in %1 and %2.', text._n('the newest session', 'the newest %1 sessions', found?.sessions ?? 0), text._n('%1 run', '%1 runs', found?.runs ?? 0))}
      </p>
    </div>
  );
}

function Nothing({ loading, panel }: { loading: boolean; panel: PanelState }): React.JSX.Element {
  const text = useText();
  if (loading) {
    return <Waiting>{text.__('Looking for data…')}</Waiting>;
  }
  return (
    <p>
      {panel.path === ''
        ? text.__('Open a notebook to see which data it used.')
        : text.__('No data yet. Files that tracked cells read, addresses and queries they ask, and frames they hold appear here.')}
    </p>
  );
}
