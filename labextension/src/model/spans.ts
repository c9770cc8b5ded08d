/** Long spans and shares as short text. Pure. */

import { duration } from './format';

/** `12.3 s`, `1 h 12 m`, `3 d 4 h`. */
export function span(seconds: number): string {
  if (seconds < 86_400) {
    return duration(seconds);
  }
  const hours = Math.round(seconds / 3600);
  return hours % 24 === 0 || hours >= 240 ? `${Math.round(hours / 24)} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A share from 0 to 1 as whole percent; what is not all and not nothing is never said to be. */
export function percent(value: number): string {
  const whole = Math.round(value * 100);
  return `${value > 0 && whole === 0 ? '<1' : value < 1 && whole === 100 ? '>99' : whole} %`;
}

/** Day and time in the user's zone and language: for what is looked at again days later. */
export function moment(at: number): string {
  return new Date(at * 1000).toLocaleString(undefined, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
}
