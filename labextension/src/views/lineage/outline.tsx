/** The graph in words, for those who hear it: each cell with what it reads and what it makes. */

import * as React from 'react';

import { linksOf, shortName, type Graph } from '../../model/graph';
import { useText } from '../text';
import { told } from './node';

export function Outline({ graph, onSelect }: { graph: Graph; onSelect: (id: string) => void }): React.JSX.Element {
  const text = useText();
  const links = React.useMemo(() => linksOf(graph), [graph]);
  const names = (places: readonly number[]): string => places.flatMap(place => {
    const node = graph.nodes[place];
    return node ? [node.kind === 'cell' && (node.n ?? 0) > 0 ? text.__('cell %1', node.n ?? 0) : shortName(node)] : [];
  }).join(', ');
  return (
    <ol className="jp-mlops-outline" data-testid="mlops-outline" aria-label={text.__('The graph as a list')}>
      {graph.nodes.map((node, i) => {
        const [before, after] = [links.before[i] ?? [], links.after[i] ?? []];
        return node.kind === 'cell' && (
          <li key={node.id}>
            <button type="button" onClick={() => onSelect(node.id)}>{told(text, node)}</button>
            <ul>
              {before.length > 0 && <li>{text.__('reads %1', names(before))}</li>}
              {after.length > 0 && <li>{text.__('makes %1', names(after))}</li>}
            </ul>
          </li>
        );
      })}
    </ol>
  );
}
