/** Jobs on their way: runners, submissions, their logs, sweeps. */

import type { Requests } from './client';
import type { Accepted, Handover, Known, LogPart, SubmissionDetails, SubmitBody, SweepBody, SweepTable } from './schema';

const at = (id: string): string => `submissions/${encodeURIComponent(id)}`;

export function runners(requests: Requests): Promise<Known[]> {
  return requests.get('runners');
}

/** Newest first; with `parent` what a schedule has started. */
export function handovers(requests: Requests, limit: number, parent = ''): Promise<Handover[]> {
  return requests.get('submissions', { limit, parent });
}

/** One of them, asked for at its place, which may take its time. */
export function handover(requests: Requests, id: string): Promise<SubmissionDetails> {
  return requests.get(at(id));
}

export function logOf(requests: Requests, id: string, offset: number): Promise<LogPart> {
  return requests.get(`${at(id)}/logs`, { offset });
}

export function submit(requests: Requests, body: SubmitBody): Promise<Handover> {
  return requests.post('submissions', body);
}

export function retry(requests: Requests, id: string): Promise<Handover> {
  return requests.post(`${at(id)}/retry`, {});
}

export function stop(requests: Requests, id: string): Promise<unknown> {
  return requests.remove(at(id));
}

export function sweepsOf(requests: Requests, path: string): Promise<SweepTable[]> {
  return requests.get('sweeps', { path });
}

export function sweepTable(requests: Requests, path: string, id: string, metric: string, minimize: boolean): Promise<SweepTable> {
  return requests.get(`sweeps/${encodeURIComponent(id)}`, { path, metric, minimize: minimize ? '1' : '' });
}

export function startSweep(requests: Requests, body: SweepBody): Promise<Accepted> {
  return requests.post('sweeps', body);
}
