/** The Lineage tab: which graph, how much of it, the graph, and the card of the node in question. */

import * as React from 'react';

import type { LineageNode } from '../../api/schema';
import { runTitle } from '../../model/format';
import { matches, NOTHING, variablesOf } from '../../model/graph';
import type { LineageModel, LineageState } from '../../model/lineage';
import type { PanelState } from '../../model/state';
import type { Look } from '../../model/tab';
import { Button, LookProblem, Waiting, useActions } from '../parts';
import { useText } from '../text';
import { useTab } from '../view';
import { Canvas, type CanvasCommands } from './canvas';
import { Card } from './card';
import { KindMark, kindWord } from './node';
import { Outline } from './outline';

const RUNS = 50;
const KINDS: readonly LineageNode['kind'][] = ['cell', 'variable', 'data', 'model', 'metric'];

interface TabProps {
  model: LineageModel;
  panel: PanelState;
  /** The run that it was opened for; "": the notebook. */
  run: string;
}

function Which({ state, panel }: { state: LineageState; panel: PanelState }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const runs = panel.runs.slice(0, RUNS);
  const other = state.run !== '' && runs.every(run => run.id !== state.run);
  return (
    <select
      className="jp-mlops-select" aria-label={text.__('Whose graph')} data-testid="mlops-lineage-run" value={state.run}
      onChange={event => actions.show('lineage', event.target.value)}
    >
      <option value="">{text.__('The notebook')}</option>
      {other && <option value={state.run}>{text.__('This run')}</option>}
      {runs.map(run => <option key={run.id} value={run.id}>{`#${run.number ?? ''} ${runTitle(run)}`}</option>)}
    </select>
  );
}

/** Goes to the next node that matches with each press of Enter. */
function Search({ found, at, onText, onNext }: { found: number; at: number; onText: (text: string) => void; onNext: () => void }): React.JSX.Element {
  const text = useText();
  const [wanted, setWanted] = React.useState('');
  return (
    <div className="jp-mlops-finder">
      <input
        type="search" className="jp-mlops-input jp-mod-styled" aria-label={text.__('Find a node')} placeholder={text.__('Find a node…')}
        data-testid="mlops-lineage-search" value={wanted}
        onChange={event => {
          setWanted(event.target.value);
          onText(event.target.value);
        }}
        onKeyDown={event => event.key === 'Enter' && onNext()}
      />
      <span className="jp-mlops-muted jp-mlops-figure" role="status">
        {wanted.trim() === '' ? '' : found === 0 ? text.__('none') : text.__('%1 of %2', at + 1, found)}
      </span>
    </div>
  );
}

function Legend(): React.JSX.Element {
  const text = useText();
  return (
    <ul className="jp-mlops-kinds" aria-label={text.__('Legend')}>
      {KINDS.map(kind => <li key={kind}><KindMark kind={kind} />{kindWord(text, kind)}</li>)}
    </ul>
  );
}

function Nothing({ state, panel, onAgain }: { state: LineageState & Look; panel: PanelState; onAgain: () => void }): React.JSX.Element {
  const text = useText();
  if (state.problem) {
    return <div className="jp-mlops-nothing"><LookProblem problem={state.problem} onAgain={onAgain} /></div>;
  }
  if (state.loading && panel.path !== '') {
    return <div className="jp-mlops-nothing"><Waiting>{text.__('Reading the graph…')}</Waiting></div>;
  }
  return (
    <p className="jp-mlops-nothing">
      {panel.path === '' ? text.__('Open a notebook to see where its results come from.') : text.__('No cells yet. Cells that run under tracking make the graph: what each read, and what it left behind.')}
    </p>
  );
}

function Summary({ state, onEverything }: { state: LineageState; onEverything: () => void }): React.JSX.Element {
  const text = useText();
  const cells = state.graph.nodes.filter(node => node.kind === 'cell').length;
  const node = state.whole?.nodes.find(one => one.id === state.focus);
  return (
    <p className="jp-mlops-summary" role="status">
      <span>
        {node
          ? text._n('What %2 needs: %1 cell', 'What %2 needs: %1 cells', cells, node.kind === 'cell' ? text.__('cell %1', node.n ?? 0) : node.label)
          : text.__('%1 cells of %2, %3 nodes', state.whole?.cells ?? 0, state.whole?.total ?? 0, state.graph.nodes.length)}
      </span>
      {node && <Button kind="quiet" onClick={onEverything}>{text.__('Show everything')}</Button>}
    </p>
  );
}

function Switches({ model, state, list, onList }: { model: LineageModel; state: LineageState; list: boolean; onList: (list: boolean) => void }): React.JSX.Element {
  const text = useText();
  return (
    <div className="jp-mlops-switches">
      <label><input type="checkbox" checked={state.all} onChange={event => model.showAll(event.target.checked)} />{text.__('All cells')}</label>
      <label><input type="checkbox" checked={!state.plain} onChange={event => model.foldAll(!event.target.checked)} />{text.__('Variables')}</label>
      <label><input type="checkbox" checked={list} onChange={event => onList(event.target.checked)} />{text.__('As a list')}</label>
    </div>
  );
}

function Zooms({ canvas }: { canvas: React.RefObject<CanvasCommands> }): React.JSX.Element {
  const text = useText();
  return (
    <div className="jp-mlops-zooms" role="group" aria-label={text.__('Zoom')}>
      <Button kind="quiet" label={text.__('Zoom out')} onClick={() => canvas.current?.zoom(0.8)}>−</Button>
      <Button kind="quiet" label={text.__('Zoom in')} onClick={() => canvas.current?.zoom(1.25)}>+</Button>
      <Button kind="quiet" onClick={() => canvas.current?.fit()}>{text.__('Fit')}</Button>
    </div>
  );
}

function CardOf({ model, state, panel, onClose }: { model: LineageModel; state: LineageState; panel: PanelState; onClose: () => void }): React.JSX.Element | null {
  const whole = state.whole ?? NOTHING;
  const place = whole.nodes.findIndex(node => node.id === state.selected);
  const node = whole.nodes[place];
  return node ? (
    <Card
      node={node} cell={state.cell} problem={state.cellProblem} panel={panel} inFocus={state.focus === node.id}
      variables={node.kind === 'cell' ? variablesOf(whole, place) : 0} isFolded={state.plain !== state.foldedCells.has(node.id)}
      onFold={() => model.fold(node.id)} onFocus={() => model.focusOn(state.focus === node.id ? '' : node.id)} onClose={onClose}
    />
  ) : null;
}

export function LineageTab({ model, panel, run }: TabProps): React.JSX.Element {
  const state = useTab(model);
  const canvas = React.useRef<CanvasCommands>(null);
  const [list, setList] = React.useState(false);
  const [wanted, setWanted] = React.useState('');
  const [at, setAt] = React.useState(-1);
  React.useEffect(() => model.ofRun(run), [model, run]);
  const found = React.useMemo(() => matches(state.graph, wanted), [state.graph, wanted]);
  const goOn = (): void => {
    const next = found.length === 0 ? -1 : (at + 1) % found.length;
    setAt(next);
    canvas.current?.go(found[next] ?? -1);
  };
  const close = (): void => {
    const place = state.graph.nodes.findIndex(node => node.id === state.selected);
    model.select('');
    canvas.current?.go(place);
  };
  const leave = (): void => (state.selected !== '' ? model.select('') : model.focusOn(''));
  const empty = state.graph.nodes.length === 0;
  return (
    <div className="jp-mlops-lineage" data-testid="mlops-lineage">
      <div className="jp-mlops-bar-row">
        <Which state={state} panel={panel} />
        {!empty && <Search found={found.length} at={at < 0 ? 0 : at} onText={text => { setWanted(text); setAt(-1); }} onNext={goOn} />}
      </div>
      <div className="jp-mlops-bar-row">
        <Switches model={model} state={state} list={list} onList={setList} />
      </div>
      {empty ? <Nothing state={state} panel={panel} onAgain={() => model.refresh(0)} /> : (
        <>
          <LookProblem problem={state.problem} onAgain={() => model.refresh(0)} />
          <div className="jp-mlops-graph-words">
            <Summary state={state} onEverything={() => model.focusOn('')} />
            {!list && <Zooms canvas={canvas} />}
          </div>
          <div className="jp-mlops-graph-and-card" data-card={state.selected !== ''}>
            {list ? <Outline graph={state.graph} onSelect={id => model.select(id)} /> : (
              <Canvas
                ref={canvas} graph={state.graph} layout={state.layout} selected={state.selected} found={found[at] ?? -1}
                onSelect={id => model.select(id)} onFocus={id => model.focusOn(state.focus === id ? '' : id)}
                onFold={id => id !== '' && model.fold(id)} onLeave={leave}
              />
            )}
            <CardOf model={model} state={state} panel={panel} onClose={close} />
          </div>
          {!list && <Legend />}
        </>
      )}
    </div>
  );
}
