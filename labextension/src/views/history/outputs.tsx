/**
 * What an execution showed. Text is text, whatever its type says. A picture is an image with its bytes in its address: a browser
 * draws it and runs nothing of it, also if it is an SVG with scripts and links in it.
 */

import * as React from 'react';

import type { Shown } from '../../api/schema';
import { Waiting } from '../parts';
import { useText } from '../text';

const PICTURES: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/svg+xml']);
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** The address of a picture; null for what is none. */
export function pictureOf(shown: Shown): string | null {
  const data = shown.picture ?? '';
  const mime = shown.mime ?? '';
  return data !== '' && PICTURES.has(mime) && BASE64.test(data) ? `data:${mime};base64,${data}` : null;
}

function Output({ shown, number }: { shown: Shown; number: number }): React.JSX.Element {
  const text = useText();
  const picture = pictureOf(shown);
  if (picture !== null) {
    return <img className="jp-mlops-picture" src={picture} alt={text.__('Output %1: a picture', number)} />;
  }
  return (
    <>
      <pre className="jp-mlops-output" data-kind={shown.kind} data-name={shown.name ?? ''}>{shown.text ?? ''}</pre>
      {typeof shown.cut === 'number' && <p className="jp-mlops-muted jp-mlops-small">{text.__('Cut: there were %1.', shown.cut.toLocaleString())}</p>}
    </>
  );
}

export function Outputs({ label, outputs, failed }: { label: string; outputs: readonly Shown[] | undefined; failed: boolean }): React.JSX.Element {
  const text = useText();
  const id = React.useId();
  return (
    <section className="jp-mlops-block" aria-labelledby={id}>
      <h3 className="jp-mlops-label" id={id}>{label}</h3>
      {!outputs && !failed && <Waiting>{text.__('Reading…')}</Waiting>}
      {outputs?.length === 0 && <p className="jp-mlops-muted">{text.__('It showed nothing.')}</p>}
      {outputs?.map((one, i) => <Output key={i} shown={one} number={i + 1} />)}
    </section>
  );
}
