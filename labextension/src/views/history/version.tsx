/** One execution of a cell, opened: its source against another, what it showed then and now, and its source back into the cell. */

import * as React from 'react';

import type { CellVersion } from '../../api/schema';
import { keyOf, type HistoryModel } from '../../model/history';
import { lineDiff, nearChanges, type Line } from '../../model/difference';
import { Button, ProblemNote, useActions, useAttempt } from '../parts';
import { useText } from '../text';
import { useTab } from '../view';
import { Outputs } from './outputs';

const SIGNS = { same: ' ', gone: '−', new: '+', skipped: ' ' } as const;
const TAGS = { same: 'span', gone: 'del', new: 'ins', skipped: 'span' } as const;

/** Two sources, line by line; what stayed far from any change is folded to a line that counts it. */
export function Diff({ before, after, label }: { before: string; after: string; label: string }): React.JSX.Element {
  const text = useText();
  const lines = React.useMemo(() => nearChanges(lineDiff(before, after)), [before, after]);
  const words = (line: Line): string => (line.kind === 'skipped' ? text._n('%1 line that stayed', '%1 lines that stayed', Number(line.text)) : `${SIGNS[line.kind]} ${line.text}`);
  return (
    // A region that scrolls must be reachable by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <pre className="jp-mlops-diff" role="region" aria-label={label} tabIndex={0}>
      {lines.map((line, i) => {
        const Tag = TAGS[line.kind];
        return <Tag key={i} data-kind={line.kind}>{`${words(line)}\n`}</Tag>;
      })}
    </pre>
  );
}

type Against = 'before' | 'now';

interface VersionProps {
  version: CellVersion;
  before: CellVersion | undefined;
  newest: CellVersion;
  model: HistoryModel;
  cell: string;
}

function Source({ version, before, now }: { version: CellVersion; before: CellVersion | undefined; now: string | null }): React.JSX.Element {
  const text = useText();
  const [against, setAgainst] = React.useState<Against>(before && version.again !== true ? 'before' : 'now');
  const ways: [Against, string, boolean][] = [['before', text.__('Against the one before'), before !== undefined], ['now', text.__('Against the cell now'), now !== null]];
  const offered = ways.filter(([, , there]) => there);
  const chosen = offered.some(([way]) => way === against) ? against : offered[0]?.[0];
  const same = chosen === 'now' ? now === version.source : before?.source === version.source;
  const words = chosen === 'now' ? text.__('The cell has this source now.') : text.__('The source is that of the execution before.');
  return (
    <div className="jp-mlops-block">
      {offered.length === 1 && !same && <p className="jp-mlops-label">{offered[0]?.[1]}</p>}
      {offered.length > 1 && (
        <div className="jp-mlops-ways" role="group" aria-label={text.__('Compare the source')}>
          {offered.map(([way, label]) => <button key={way} type="button" aria-pressed={way === chosen} onClick={() => setAgainst(way)}>{label}</button>)}
        </div>
      )}
      {chosen !== undefined && same && <p className="jp-mlops-muted jp-mlops-small">{words}</p>}
      {chosen === undefined || same ? (
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <pre className="jp-mlops-diff" role="region" aria-label={text.__('Source')} tabIndex={0}>{version.source}</pre>
      ) : chosen === 'now' ? (
        <Diff before={version.source} after={now ?? ''} label={text.__('From this source to the cell as it is now')} />
      ) : (
        <Diff before={before?.source ?? ''} after={version.source} label={text.__('From the execution before to this one')} />
      )}
    </div>
  );
}

/** Puts the source back, once the user has seen what that changes. */
function Restore({ version, now, cell }: { version: CellVersion; now: string | null; cell: string }): React.JSX.Element | null {
  const actions = useActions();
  const text = useText();
  const [asked, setAsked] = React.useState(false);
  const [said, setSaid] = React.useState('');
  const restore = (): void => {
    const done = actions.restore(cell, version.source);
    setAsked(false);
    setSaid(done ? text.__('It is in the cell again. Edit › Undo there takes it back.') : text.__('The cell is not in the notebook any more.'));
    void actions.reveal(cell);
  };
  if (now === null) {
    return <div className="jp-mlops-buttons"><Button onClick={() => actions.copy(version.source)}>{text.__('Copy the source')}</Button></div>;
  }
  return (
    <div className="jp-mlops-block" role="group" aria-label={text.__('Restore')}>
      {asked && now !== version.source && (
        <>
          <p className="jp-mlops-label">{text.__('This would change the cell:')}</p>
          <Diff before={now} after={version.source} label={text.__('From the cell as it is now to this source')} />
        </>
      )}
      <div className="jp-mlops-buttons jp-mlops-above">
        {!asked && <Button testid="mlops-restore" disabled={now === version.source} onClick={() => setAsked(true)}>{text.__('Restore this source…')}</Button>}
        {asked && <Button kind="primary" testid="mlops-restore-now" onClick={restore}>{text.__('Put it into the cell')}</Button>}
        {asked && <Button onClick={() => setAsked(false)}>{text.__('Leave the cell')}</Button>}
      </div>
      <p className="jp-mlops-muted jp-mlops-small" role="status">{said}</p>
    </div>
  );
}

export function Version({ version, before, newest, model, cell }: VersionProps): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const { outputs } = useTab(model);
  const [problem, attempt] = useAttempt();
  const now = actions.sourceOf(cell);
  const isNewest = keyOf(newest) === keyOf(version);
  React.useEffect(() => {
    attempt(() => Promise.all([model.readOutputs(version), model.readOutputs(newest)]));
  }, [attempt, model, version, newest]);
  const shown = outputs[keyOf(version)];
  const silent = shown?.length === 0 && outputs[keyOf(newest)]?.length === 0;
  return (
    <div className="jp-mlops-details jp-mlops-past-details">
      <Source version={version} before={before} now={now} />
      <Restore version={version} now={now} cell={cell} />
      <ProblemNote problem={problem} />
      <div className="jp-mlops-thennow">
        <Outputs label={isNewest || silent ? text.__('Outputs') : text.__('Outputs then')} outputs={shown} failed={problem !== null} />
        {!isNewest && !silent && <Outputs label={text.__('Outputs of the newest execution')} outputs={outputs[keyOf(newest)]} failed={problem !== null} />}
      </div>
    </div>
  );
}
