/** A node's card: the cell as it ran, the way to the cell as it is, and what can be looked at from here. */

import * as React from 'react';

import type { CellAsRun, LineageNode } from '../../api/schema';
import { duration, when } from '../../model/format';
import { detailOf } from '../../model/graph';
import type { Problem } from '../../model/problem';
import type { PanelState } from '../../model/state';
import { Icon } from '../icons';
import { Button, Chip, ProblemNote, useActions } from '../parts';
import { useText } from '../text';
import { KindMark } from './node';

interface CardProps {
  node: LineageNode;
  cell: CellAsRun | null;
  problem: Problem | null;
  panel: PanelState;
  /** How many variables of it can be folded, and whether they are. */
  variables: number;
  isFolded: boolean;
  inFocus: boolean;
  onFold: () => void;
  onFocus: () => void;
  onClose: () => void;
}

function Source({ cell, stale }: { cell: CellAsRun; stale: string }): React.JSX.Element {
  const text = useText();
  return (
    <>
      <p className="jp-mlops-card-about">
        <span>{text.__('As it ran, cell execution %1', cell.n)}</span>
        {cell.started !== null && <span className="jp-mlops-figure">{when(cell.started)}</span>}
        {cell.seconds !== null && <span className="jp-mlops-figure">{duration(cell.seconds)}</span>}
        {stale !== '' && <Chip mark="history" tone="fair">{stale}</Chip>}
      </p>
      <pre className="jp-mlops-source" data-testid="mlops-as-run">{cell.source}</pre>
      {cell.error !== '' && <p className="jp-mlops-execution-error jp-mlops-wrap">{cell.error}</p>}
    </>
  );
}

/** The way to the cell as it is now; says so if the notebook no longer has it. */
function Reveal({ cell }: { cell: string }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const [gone, setGone] = React.useState(false);
  return (
    <>
      <Button testid="mlops-reveal" onClick={() => void actions.reveal(cell).then(found => setGone(!found))}>{text.__('Show in notebook')}</Button>
      <span role="status" className="jp-mlops-muted jp-mlops-small">{gone ? text.__('The notebook no longer has this cell.') : ''}</span>
    </>
  );
}

export function Card(props: CardProps): React.JSX.Element {
  const { node, cell } = props;
  const actions = useActions();
  const text = useText();
  const mine = cell !== null && cell.n === node.n ? cell : null;
  const stale = props.panel.stale.find(one => one.id === mine?.cell)?.reason ?? '';
  const key = node.dataset ?? '';
  return (
    <section className="jp-mlops-card" aria-label={node.label} data-testid="mlops-card">
      <div className="jp-mlops-card-title">
        <KindMark kind={node.kind} />
        <h3>{node.label}</h3>
        <Button kind="quiet" label={text.__('Close')} onClick={props.onClose}><Icon mark="cross" /></Button>
      </div>
      {detailOf(node) !== '' && <p className="jp-mlops-muted jp-mlops-figure">{detailOf(node)}</p>}
      {(node.times ?? 0) > 1 && <p className="jp-mlops-muted">{text.__('The cell ran %1 times; this is the execution that counts.', node.times ?? 0)}</p>}
      {node.opaque === true && <p className="jp-mlops-muted">{text.__('It may have used everything before it: what it read could not be seen whole.')}</p>}
      <div className="jp-mlops-buttons">
        {mine !== null && mine.cell !== '' && <Reveal key={mine.cell} cell={mine.cell} />}
        <Button testid="mlops-focus" onClick={props.onFocus}>{props.inFocus ? text.__('Show everything') : text.__('Only what it needs')}</Button>
        {props.variables > 0 && <Button onClick={props.onFold}>{props.isFolded ? text.__('Unfold its variables') : text.__('Fold its variables')}</Button>}
        {key !== '' && (
          <Button testid="mlops-open-dataset" leads={`dataset:${key}`} onClick={() => actions.show('dataset', key)}>{text.__('Open dataset')}</Button>
        )}
      </div>
      <ProblemNote problem={props.problem} />
      {mine !== null && <Source cell={mine} stale={stale} />}
      {node.kind === 'cell' && (node.unread ?? []).length > 0 && (
        <p className="jp-mlops-muted jp-mlops-wrap">{text.__('Also wrote, and nothing here reads it: %1', (node.unread ?? []).join(', '))}</p>
      )}
    </section>
  );
}
