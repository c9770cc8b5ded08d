/** One node of the graph, and the marks that tell the kinds of nodes apart without their colours. */

import * as React from 'react';

import type { LineageNode } from '../../api/schema';
import { detailOf, shortName } from '../../model/graph';
import type { Box } from '../../model/layout';
import { useText, type Text } from '../text';

const MARKS: Record<LineageNode['kind'], string> = {
  cell: 'M5 4l-3 4 3 4M11 4l3 4-3 4',
  variable: 'M4 4l8 8M12 4l-8 8',
  data: 'M3 4.5c0-1 2.2-1.8 5-1.8s5 .8 5 1.8-2.2 1.8-5 1.8-5-.8-5-1.8zM3 4.5v7c0 1 2.2 1.8 5 1.8s5-.8 5-1.8v-7',
  model: 'M8 2l6 6-6 6-6-6z',
  metric: 'M3 13V9M8 13V3M13 13V6'
};

export function KindMark({ kind }: { kind: LineageNode['kind'] }): React.JSX.Element {
  return (
    <svg className="jp-mlops-icon jp-mlops-kind" data-kind={kind} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={MARKS[kind]} />
    </svg>
  );
}

export function kindWord(text: Text, kind: LineageNode['kind']): string {
  return { cell: text.__('cell'), variable: text.__('variable'), data: text.__('data'), model: text.__('model'), metric: text.__('metric') }[kind];
}

/** What a node is, in a sentence: its name for those who do not see it. */
export function told(text: Text, node: LineageNode): string {
  const times = node.times ?? 0;
  const words = [
    node.kind === 'cell' && (node.n ?? 0) > 0 ? text.__('cell %1', node.n ?? 0) : kindWord(text, node.kind), node.label, detailOf(node),
    times > 1 ? text.__('ran %1 times', times) : '', node.state === 'error' ? text.__('failed') : '',
    node.needed === true ? text.__('needed') : ''
  ];
  return words.filter(word => word !== '').join(', ');
}

interface NodeProps {
  node: LineageNode;
  box: Box;
  place: number;
  selected: boolean;
  found: boolean;
}

export const Node = React.memo(function Node({ node, box, place, selected, found }: NodeProps): React.JSX.Element {
  const text = useText();
  const detail = detailOf(node);
  return (
    <button
      type="button"
      className="jp-mlops-node"
      style={{ left: box.x, top: box.y, width: box.width, height: box.height }}
      tabIndex={-1}
      aria-label={told(text, node)}
      aria-pressed={selected}
      title={node.label}
      data-place={place}
      data-kind={node.kind}
      data-state={node.state ?? ''}
      data-needed={node.needed === true}
      data-found={found}
    >
      {node.kind === 'cell' && (node.n ?? 0) > 0 ? <span className="jp-mlops-node-n">{node.n}</span> : <KindMark kind={node.kind} />}
      <span className="jp-mlops-node-words">
        <span className="jp-mlops-node-label">{shortName(node)}</span>
        {node.kind !== 'cell' && detail !== '' && <span className="jp-mlops-node-detail">{detail}</span>}
      </span>
      {(node.times ?? 0) > 1 && <span className="jp-mlops-node-times">{`×${node.times}`}</span>}
    </button>
  );
});
