/**
 * The REST API as functions. Every answer that is not 2xx becomes an `ApiError` that carries what happened and what helps.
 *
 * Requests go through ServerConnection, which knows the base URL, the token and the XSRF cookie.
 */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { Preview } from './answers';
import type { Again, CellSource, ConvertBody, JobEntry, Live, RunCells, PreviewBody, RunBody, StaleCell, Status, Task } from './schema';

const ROOT = 'mlops/api/v1';

/** A request that the server refused or could not answer. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly remedy: string,
    readonly status: number,
    options?: ErrorOptions
  ) {
    super(message, options);
    this.name = 'ApiError';
  }

  /** True if no server of ours answers at that address: the server extension is not installed or not enabled. */
  get absent(): boolean {
    return this.status === 404 && this.message === '';
  }
}

type Body = Record<string, unknown>;

function isRecord(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(body: Body, ...keys: string[]): string {
  for (const key of keys) {
    const value = body[key];
    if (typeof value === 'string' && value !== '') {
      return value;
    }
  }
  return '';
}

/** The error that a refused answer stands for. An answer that is not ours (a proxy's page) is not quoted. */
async function refusal(response: Response): Promise<ApiError> {
  let body: unknown;
  try {
    body = JSON.parse(await response.text());
  } catch {
    body = null;
  }
  const known = isRecord(body) ? body : {};
  const ours = 'remedy' in known || 'what' in known;
  if (response.status === 404 && !ours) {
    return new ApiError('', '', 404);
  }
  const message = textOf(known, 'message', 'what', 'reason') || `The server answered ${response.status} ${response.statusText}`;
  return new ApiError(message, textOf(known, 'remedy'), response.status);
}

/** What the parts of the API are made of: one request, its answer as the type that the route has. */
export interface Requests {
  get<T>(route: string, asked?: Record<string, string | number>): Promise<T>;
  post<T>(route: string, body: object): Promise<T>;
  put<T>(route: string, body: object): Promise<T>;
  remove<T>(route: string): Promise<T>;
}

export class Client implements Requests {
  constructor(private readonly settings: ServerConnection.ISettings = ServerConnection.makeSettings()) {}

  get<T>(route: string, asked: Record<string, string | number> = {}): Promise<T> {
    return this.request('GET', route + query(asked));
  }

  post<T>(route: string, body: object): Promise<T> {
    return this.request('POST', route, body);
  }

  put<T>(route: string, body: object): Promise<T> {
    return this.request('PUT', route, body);
  }

  remove<T>(route: string): Promise<T> {
    return this.request('DELETE', route);
  }

  status(): Promise<Status> {
    return this.get('status');
  }

  live(kernel: string, path: string): Promise<Live> {
    return this.get('live', { kernel, path });
  }

  stale(kernel: string, path: string, cells: CellSource[]): Promise<StaleCell[]> {
    return this.post('live/stale', { kernel, path, cells });
  }

  again(kernel: string, path: string, cells: CellSource[]): Promise<Again> {
    return this.post('live/again', { kernel, path, cells });
  }

  neededCells(run: string): Promise<RunCells> {
    return this.get(`runs/${encodeURIComponent(run)}/cells`);
  }

  verify(run: string, effects: boolean): Promise<string> {
    return this.start(`runs/${encodeURIComponent(run)}/verify`, { allow_effects: effects });
  }

  preview(request: PreviewBody): Promise<Preview> {
    return this.post('jobs/preview', request);
  }

  convert(request: ConvertBody): Promise<string> {
    return this.start('jobs', request);
  }

  jobs(path: string): Promise<JobEntry[]> {
    return this.get('jobs', { path });
  }

  runJob(request: RunBody): Promise<string> {
    return this.start('jobs/run', request);
  }

  tasks(): Promise<Task[]> {
    return this.get('tasks');
  }

  async cancel(id: string): Promise<void> {
    await this.remove(`tasks/${encodeURIComponent(id)}`);
  }

  private async start(route: string, body: object): Promise<string> {
    const answer = await this.post<{ task: Task }>(route, body);
    return answer.task.id;
  }

  private async request<T>(method: string, route: string, body?: object): Promise<T> {
    const url = URLExt.join(this.settings.baseUrl, ROOT) + '/' + route;
    const init: RequestInit = { method };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { 'Content-Type': 'application/json' };
    }
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, init, this.settings);
    } catch (error) {
      throw new ApiError('The Jupyter server does not answer', 'Check that it is still running', 0, { cause: error });
    }
    if (!response.ok) {
      throw await refusal(response);
    }
    const text = await response.text();
    // The shape is the contract of the REST API, guarded by the server's own tests.
    return (text === '' ? null : JSON.parse(text)) as T;
  }
}

function query(values: Record<string, string | number>): string {
  const given = Object.entries(values).filter(([, value]) => value !== '');
  return given.length === 0 ? '' : URLExt.objectToQueryString(Object.fromEntries(given));
}
