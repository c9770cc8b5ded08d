/** What kinds of data are called, and how much of a content is known. */

import * as React from 'react';

import type { DatasetRow } from '../../api/schema';
import { Chip } from '../parts';
import { useText, type Text } from '../text';

export function kindName(text: Text, kind: DatasetRow['kind']): string {
  return { file: text.__('Files'), url: text.__('Addresses'), query: text.__('Queries'), value: text.__('In memory') }[kind];
}

/** Says so where a fingerprint does not cover every byte: nothing then counts as the same. */
export function Coverage({ coverage }: { coverage: number }): React.JSX.Element | null {
  const text = useText();
  if (coverage >= 1) {
    return null;
  }
  const share = coverage * 100;
  return (
    <Chip mark="warning" tone="fair" title={text.__('Content that is not known in full is never called equal')}>
      {coverage === 0 ? text.__('content not known') : text.__('covers %1 %', share < 1 ? share.toPrecision(1) : Math.floor(share))}
    </Chip>
  );
}
