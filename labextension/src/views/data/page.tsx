/** One dataset: its versions over time, what it holds, who read and used it, and what differs between two versions. */

import * as React from 'react';

import type { Column, DatasetDifference, DatasetProfile, DatasetUse, DatasetVersion } from '../../api/schema';
import { shapeText, shortDigest, type DatasetModel, type DatasetState } from '../../model/data';
import { bytes, when } from '../../model/format';
import { Breakable, Button, Chip, Copyable, Fold, LookProblem, Page, ProblemNote, Section, Waiting, useActions } from '../parts';
import { useText, type Text } from '../text';
import { useTab } from '../view';
import { ColumnCard } from './column';
import { Coverage } from './words';

function about(version: DatasetVersion): string {
  const size = version.nbytes === undefined || version.nbytes === null ? '' : bytes(version.nbytes);
  return [shapeText(version.shape ?? []), size].filter(part => part !== '').join(' · ');
}

/** How a version is called where one is chosen. */
function called(text: Text, version: DatasetVersion): string {
  return `${when(version.last)} · ${shortDigest(version.digest ?? '') || text.__('content not known')}`;
}

function Versions({ model, state, versions }: { model: DatasetModel; state: DatasetState; versions: readonly DatasetVersion[] }): React.JSX.Element {
  const text = useText();
  return (
    <ol className="jp-mlops-versions" data-testid="mlops-versions" aria-label={text.__('Versions, newest first')}>
      {versions.map(version => (
        <li key={version.id} aria-current={version.id === state.version}>
          <button type="button" className="jp-mlops-version" aria-pressed={version.id === state.version} title={version.digest ?? ''} onClick={() => model.compare(version.id, state.against === version.id ? '' : state.against)}>
            <span className="jp-mlops-figure">{when(version.last)}</span>
            <code>{shortDigest(version.digest ?? '') || '–'}</code>
            <span className="jp-mlops-figure">{about(version)}</span>
            <span className="jp-mlops-muted jp-mlops-figure">
              {[
                (version.sessions ?? 0) > 1 ? text.__('%1 sessions since %2', version.sessions ?? 0, when(version.first)) : '',
                (version.runs_total ?? 0) > 0 ? text._n('%1 run', '%1 runs', version.runs_total ?? 0) : ''
              ].filter(part => part !== '').join(' · ')}
            </span>
            <Coverage coverage={version.coverage ?? 1} />
          </button>
        </li>
      ))}
    </ol>
  );
}

function Against({ model, state, versions }: { model: DatasetModel; state: DatasetState; versions: readonly DatasetVersion[] }): React.JSX.Element | null {
  const text = useText();
  const others = versions.filter(version => version.id !== state.version);
  return others.length === 0 ? null : (
    <label className="jp-mlops-against">
      <span>{text.__('Compare with')}</span>
      <select className="jp-mlops-select" data-testid="mlops-against" value={state.against} onChange={event => model.compare(state.version, event.target.value)}>
        <option value="">{text.__('nothing')}</option>
        {others.map(version => <option key={version.id} value={version.id}>{called(text, version)}</option>)}
      </select>
    </label>
  );
}

const KINDS = (text: Text): Partial<Record<string, string>> => ({
  grown: text.__('Rows were added at the end; what was there before is the same.'),
  cut: text.__('Rows at the end are gone; the others are the same.'),
  'held differently': text.__('The same content, held by another library or in another type.'),
  unknown: text.__('Whether they differ cannot be told: not all of it is known.')
});

/** Of files the fingerprint tells only that they differ; their statistics know columns and rows. */
function differing(text: Text, told: DatasetDifference, profile: DatasetProfile | null): [string, readonly string[]][] {
  const { change, types } = told;
  const both = profile !== null && profile.columns.length > 0 && profile.columns_against.length > 0 && profile.against === told.a;
  const older = new Map(both ? profile.columns_against.map(column => [column.name, column.type]) : []);
  const now = both ? profile.columns : [];
  const names = new Set(now.map(column => column.name));
  return [
    [text.__('Columns added'), both ? now.filter(column => !older.has(column.name)).map(column => column.name) : (change?.columns_added ?? [])],
    [text.__('Columns removed'), both ? [...older.keys()].filter(name => !names.has(name)) : (change?.columns_removed ?? [])],
    [text.__('Other type'), both ? now.flatMap(column => {
      const was = older.get(column.name) ?? column.type;
      return was === column.type ? [] : [text.__('%1: %2, was %3', column.name, column.type, was)];
    }) : types],
    [text.__('Columns changed'), (change?.detail?.changed ?? []).map(one => named(text, one))]
  ];
}

function Difference({ told, profile }: { told: DatasetDifference; profile: DatasetProfile | null }): React.JSX.Element {
  const text = useText();
  const { change } = told;
  if (!change) {
    return <p className="jp-mlops-block">{text.__('Both versions are the same.')}</p>;
  }
  const rows = differing(text, told, profile);
  const known = (n: number | null | undefined): boolean => n !== null && n !== undefined;
  const shape = (found: readonly number[] | null | undefined): string => (found ? shapeText(found) : '?');
  const [before, after] = [shape(change.shape_a), shape(change.shape_b)];
  return (
    <div className="jp-mlops-block" data-testid="mlops-difference">
      <p>{KINDS(text)[change.kind] ?? text.__('The content differs.')}</p>
      {profile?.against === told.a && known(profile.rows) && known(profile.rows_against) && (
        <p className="jp-mlops-figure">{text.__('%1 → %2 rows', (profile.rows_against ?? 0).toLocaleString('en'), (profile.rows ?? 0).toLocaleString('en'))}</p>
      )}
      {before !== after && <p className="jp-mlops-figure">{text.__('%1 → %2', before, after)}</p>}
      {(change.detail?.appended ?? 0) !== 0 && <p className="jp-mlops-figure">{text.__('%1 rows at the end, %2 before them the same', signed(change.detail?.appended ?? 0), (change.detail?.unchanged ?? 0).toLocaleString('en'))}</p>}
      <dl className="jp-mlops-changes">
        {rows.filter(([, names]) => names.length > 0).map(([label, names]) => (
          <React.Fragment key={label}>
            <dt>{label}</dt>
            <dd className="jp-mlops-wrap">{names.join(', ')}</dd>
          </React.Fragment>
        ))}
      </dl>
    </div>
  );
}

const signed = (n: number): string => (n > 0 ? `+${n.toLocaleString('en')}` : n.toLocaleString('en').replace('-', '\u2212'));

/** A changed column with the stretches of rows that changed, where the fingerprints tell. */
function named(text: Text, change: { name: string; rows?: [number, number][] }): string {
  const [first, ...more] = change.rows ?? [];
  const name = change.name || text.__('values');
  return first ? text.__('%1 (rows %2 to %3%4)', name, first[0].toLocaleString('en'), (first[1] - 1).toLocaleString('en'), more.length > 0 ? text.__(' and elsewhere') : '') : name;
}

function Schema({ columns }: { columns: readonly Column[] }): React.JSX.Element {
  const text = useText();
  return (
    <table className="jp-mlops-table" aria-label={text.__('Schema')}>
      <tbody>
        {columns.map(column => (
          <tr key={column.name}>
            <th scope="row"><code><Breakable text={column.name} /></code></th>
            <td className="jp-mlops-muted">{column.type}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Columns({ profile, version, profiling }: { profile: DatasetProfile | null; version: DatasetVersion; profiling: boolean }): React.JSX.Element {
  const text = useText();
  const columns = version.columns ?? [];
  if (profiling && profile === null) {
    return <div className="jp-mlops-nothing"><Waiting>{text.__('Taking statistics…')}</Waiting></div>;
  }
  const others = new Map((profile?.columns_against ?? []).map(column => [column.name, column]));
  const pictures = profile?.columns ?? [];
  return (
    <>
      {profile !== null && profile.missing !== '' && (
        <div className="jp-mlops-note jp-mlops-column-note" data-testid="mlops-no-profile">
          <div>
            <p>{text.__('No statistics. %1.', profile.missing)}</p>
            {profile.remedy !== '' && <p className="jp-mlops-muted">{profile.remedy}</p>}
          </div>
        </div>
      )}
      {profile !== null && profile.missing_against !== '' && (
        <p className="jp-mlops-nothing">{text.__('Of the other version there are none: %1.', profile.missing_against)}</p>
      )}
      {pictures.length > 0 && others.size > 0 && (
        <p className="jp-mlops-overlay">
          <span className="jp-mlops-swatch" />{text.__('this version')}
          <span className="jp-mlops-swatch jp-mlops-mod-before" />{text.__('compared with')}
        </p>
      )}
      {pictures.length > 0 ? (
        <ul className="jp-mlops-columns" aria-label={text.__('Columns')}>
          {pictures.map(column => <ColumnCard key={column.name} column={column} other={others.get(column.name)} />)}
        </ul>
      ) : columns.length > 0 ? <Schema columns={columns} /> : <p className="jp-mlops-nothing">{text.__('Its columns are not known.')}</p>}
    </>
  );
}

function Use({ use }: { use: DatasetUse }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const [gone, setGone] = React.useState(false);
  const how = { read: text.__('read'), written: text.__('wrote'), used: text.__('used') }[use.how];
  const inside = (
    <>
      <span className="jp-mlops-n">{use.n}</span>
      <code className="jp-mlops-execution-line">{use.line}</code>
      <span className="jp-mlops-muted">{how}</span>
    </>
  );
  return (
    <li>
      {use.current === true && use.cell !== '' ? (
        <button type="button" className="jp-mlops-use" title={text.__('Show this cell in the notebook')} onClick={() => void actions.reveal(use.cell).then(found => setGone(!found))}>{inside}</button>
      ) : <div className="jp-mlops-use">{inside}</div>}
      {gone && <p role="status" className="jp-mlops-muted jp-mlops-use-gone">{text.__('The notebook no longer has this cell.')}</p>}
    </li>
  );
}

function Uses({ version }: { version: DatasetVersion }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const uses = [...(version.uses ?? [])].reverse();
  const now = uses.filter(use => use.current === true);
  const before = uses.filter(use => use.current !== true);
  const runs = version.runs ?? [];
  return (
    <>
      {now.length > 0 && <ul className="jp-mlops-uses" aria-label={text.__('Cells of this session')}>{now.map(use => <Use key={`${use.n} ${use.how}`} use={use} />)}</ul>}
      {before.length > 0 && (
        <Fold name="dataset:earlier" label={text._n('%1 cell of earlier sessions', '%1 cells of earlier sessions', before.length)}>
          <ul className="jp-mlops-uses">{before.map(use => <Use key={`${use.session} ${use.n} ${use.how}`} use={use} />)}</ul>
        </Fold>
      )}
      {runs.length > 0 && (
        <div className="jp-mlops-block">
          <h3 className="jp-mlops-label">{text.__('Runs')}</h3>
          <div className="jp-mlops-choices">
            {runs.map(run => (
              <button key={run.id} type="button" data-leads={`lineage:${run.id}`} aria-label={text.__('Run %1 %2: show where it came from', run.number, run.name)} title={run.name} onClick={() => actions.show('lineage', run.id)}>
                {`#${run.number}`}
              </button>
            ))}
            {(version.runs_total ?? 0) > runs.length && <span className="jp-mlops-muted">{text.__('and %1 more', (version.runs_total ?? 0) - runs.length)}</span>}
          </div>
        </div>
      )}
      {uses.length === 0 && runs.length === 0 && <p className="jp-mlops-nothing">{text.__('No cell or run of the newest sessions used this version.')}</p>}
    </>
  );
}

export function DatasetOf({ model, dataset }: { model: DatasetModel; dataset: string }): React.JSX.Element {
  const state = useTab(model);
  const text = useText();
  React.useEffect(() => model.open(dataset), [model, dataset]);
  const row = state.page?.dataset;
  const versions = state.page?.versions ?? [];
  const version = versions.find(one => one.id === state.version);
  return (
    <Page title={row ? row.name : text.__('Dataset')} about={row?.name ?? ''}>
      <LookProblem problem={state.problem} onAgain={() => model.refresh(0)} />
      {!row && state.loading && <Waiting>{text.__('Reading the dataset…')}</Waiting>}
      {row && version && (
        <div className="jp-mlops-dataset-page" data-testid="mlops-dataset-page">
          <div className="jp-mlops-dataset-head">
            <p className="jp-mlops-figure">{[version.type ?? '', about(version), row.source ?? ''].filter(part => part !== '').join(' · ')}</p>
            <Coverage coverage={version.coverage ?? 1} />
            {(row.roles ?? []).filter(role => role !== row.name).map(role => <Chip key={role} tone="plain">{role}</Chip>)}
          </div>
          {(version.digest ?? '') !== '' && <div className="jp-mlops-block"><Copyable text={version.digest ?? ''} what={text.__('the fingerprint')} /></div>}
          <Section title={text.__('Versions')} fold="dataset-versions" note={String(versions.length)}>
            <Versions model={model} state={state} versions={versions} />
            <Against model={model} state={state} versions={versions} />
            {state.difference && <Difference told={state.difference} profile={state.profile} />}
          </Section>
          <Section title={text.__('Columns')} fold="dataset-columns" note={columnNote(text, state.profile, version)}>
            {state.partProblem && <div className="jp-mlops-block"><ProblemNote problem={state.partProblem} /><Button onClick={() => model.compare(state.version, state.against)}>{text.__('Try again')}</Button></div>}
            <Columns profile={state.profile} version={version} profiling={state.profiling} />
          </Section>
          <Section title={text.__('Where it was used')} fold="dataset-uses"><Uses version={version} /></Section>
        </div>
      )}
    </Page>
  );
}

function columnNote(text: Text, profile: DatasetProfile | null, version: DatasetVersion): string {
  const columns = Math.max(profile?.columns.length ?? 0, (version.columns ?? []).length);
  const rows = profile?.rows ?? null;
  return [columns > 0 ? String(columns) : '', rows === null ? '' : text.__('%1 rows', rows.toLocaleString('en'))]
    .filter(part => part !== '').join(' · ');
}

