/**
 * The shapes of the REST API. Generated from its OpenAPI description by scripts/schema.py: do not edit.
 *
 * An optional field that is absent has the default named in its comment.
 */

export type Scalar = string | number | boolean | null;

/** What every failing route answers. */
export interface ErrorBody {
  message: string;
  /** Default: "" */
  remedy?: string;
}

/** How to install into the environment of a kernel spec; `command` is "" where the kernel is no Python. */
export interface KernelCommand {
  name: string;
  display_name: string;
  language: string;
  command: string;
}

/** The server's side: version, where the store is and how large, how to install the kernel part. */
export interface Status {
  version: string;
  store: string;
  size_bytes: number;
  install: string;
  kernels: KernelCommand[];
  kernel_command: string;
}

/** Which notebook: an id that survives renames, the path as its label (contents path if known, else file path). */
export interface NotebookRef {
  id: string;
  /** Default: "" */
  path?: string;
}

/** An installed package. `origin` is set where a version alone would not bring it back: editable, VCS, local file, conda. */
export interface Distribution {
  name: string;
  version: string;
  /** Default: "" */
  origin?: string;
  /** Default: "" */
  url?: string;
}

/** Interpreter, platform and every distribution. `id` follows from the content. */
export interface Environment {
  id: string;
  python: string;
  implementation: string;
  platform: string;
  machine: string;
  distributions: Distribution[];
  /** Default: "" */
  executable?: string;
}

/** The machine: logical cores, memory in bytes, accelerators by name. */
export interface Hardware {
  cores: number;
  /** Default: null */
  memory?: number | null;
  /** Default: "" */
  processor?: string;
  /** Default: [] */
  accelerators?: string[];
}

/** The work tree that the notebook lies in. `diff` is the blob of the uncommitted diff against HEAD; None if clean. */
export interface GitState {
  commit: string;
  /** Default: "" */
  branch?: string;
  /** Default: false */
  dirty?: boolean;
  /** Default: null */
  diff?: string | null;
  /** Default: "" */
  remote?: string;
  /** Default: "" */
  root?: string;
}

/** What an input of a run was against that of the recorded run. `new rows`: other content, with the same columns. */
export interface InputCheck {
  name: string;
  state: 'broken' | 'new rows' | 'same' | 'schema changed';
  /** Default: "" */
  detail?: string;
}

/** What a job's or a verification's session was made from. `changed` names the inputs given with -i. */
export interface Origin {
  /** Default: "" */
  job?: string;
  /** Default: "" */
  run?: string;
  /** Default: "" */
  session?: string;
  /** Default: "" */
  result?: string;
  /** Default: {} */
  parameters?: Record<string, Scalar | Scalar[]>;
  /** Default: {} */
  inputs?: Record<string, string>;
  /** Default: false */
  verified?: boolean;
  /** Default: [] */
  checks?: InputCheck[];
  /** Default: "" */
  submission?: string;
}

/** One kernel life under tracking, of one user. Times are Unix seconds. */
export interface Session {
  type?: 'session';
  id: string;
  writer: string;
  kind: 'headless' | 'ipython' | 'job' | 'notebook' | 'verification';
  experiment: string;
  experiment_id: string;
  started: number;
  /** Default: null */
  notebook?: NotebookRef | null;
  /** Default: "" */
  kernel_id?: string;
  /** Default: "" */
  user?: string;
  /** Default: "" */
  host?: string;
  /** Default: 0 */
  process?: number;
  /** Default: null */
  ended?: number | null;
  /** Default: "running" */
  state?: 'ended' | 'interrupted' | 'running';
  /** Default: null */
  environment?: Environment | null;
  /** Default: [] */
  environments?: Environment[];
  /** Default: null */
  hardware?: Hardware | null;
  /** Default: null */
  git?: GitState | null;
  /** Default: "all" */
  outputs?: 'all' | 'none' | 'text';
  /** Default: {} */
  tags?: Record<string, string>;
  /** Default: null */
  origin?: Origin | null;
  /** Default: "" */
  cwd?: string;
  /** Default: "" */
  version?: string;
  /** Default: [] */
  notes?: string[];
}

/** One cell execution as a line of a list. */
export interface ExecutionRow {
  n: number;
  cell: string;
  state: 'error' | 'interrupted' | 'ok' | 'running' | 'skipped' | 'untracked';
  prompt: number | null;
  started: number | null;
  ended: number | null;
  seconds: number | null;
  first_line: string;
  error: string;
  opaque: string[];
  outputs_count: number;
  cost: number;
  wrote: string[];
  memory: number | null;
}

/** What a run recorded: an estimator's argument, a top-level literal of its slice, or a `log_params` value. */
export interface Param {
  name: string;
  value: Scalar | Scalar[];
  /** Default: "estimator" */
  source?: 'estimator' | 'literal' | 'logged';
  /** Default: true */
  shown?: boolean;
  /** Default: 0 */
  n?: number;
}

/** A value with a name. Repeats within one execution are a `series`, or several metrics with a `key` each. */
export interface Metric {
  name: string;
  value: number;
  /** Default: "" */
  key?: string;
  /** Default: [] */
  series?: number[];
  /** Default: [] */
  steps?: number[];
  /** Default: false */
  shared?: boolean;
  /** Default: 0 */
  n?: number;
  /** Default: "" */
  observation?: string;
  /** Default: "" */
  variable?: string;
  /** Default: "" */
  function?: string;
}

/** A fitted model of a run: the observation that saw it, its variable, class and digest. */
export interface ModelRef {
  observation: string;
  name: string;
  class_name: string;
  /** Default: "" */
  digest?: string;
  /** Default: 0 */
  n?: number;
  /** Default: null */
  blob?: string | null;
}

/** The hash tree under a table's columns, to tell later which rows changed. Not part of its identity. */
export interface Leaves {
  digests: string;
  /** Default: 0 */
  level?: number;
  /** Default: 0 */
  step?: number;
}

/** Identity of content. `digest` is None when the content cannot be known (`opaque`, or over budget). */
export interface Fingerprint {
  kind: 'array' | 'class' | 'container' | 'figure' | 'file' | 'frame' | 'function' | 'index' | 'instance' | 'iterator' | 'lazy' | 'model' | 'module' | 'opaque' | 'query' | 'scalar' | 'series';
  /** Default: null */
  digest?: string | null;
  /** Default: "" */
  type_name?: string;
  /** Default: null */
  shape?: number[] | null;
  /** Default: null */
  nbytes?: number | null;
  /** Default: 1.0 */
  coverage?: number;
  /** Default: null */
  columns?: Record<string, string> | null;
  /** Default: null */
  logical?: string | null;
  /** Default: null */
  types?: string[] | null;
  /** Default: null */
  leaves?: Leaves | null;
}

/** One column of a table: its label as text and its logical type (`int64`, `float64`, `string`, `timestamp[us, UTC]` …). */
export interface Column {
  name: string;
  type: string;
  /** Default: true */
  nullable?: boolean;
}

/** Columns and types of a table, in order. */
export interface Schema {
  columns: Column[];
}

/** A fingerprinted input with its source: a frame or array by name, a file by path, a query, a URL. */
export interface Dataset {
  name: string;
  fingerprint: Fingerprint;
  /** Default: "" */
  source?: string;
  /** Default: "" */
  role?: string;
  /** Default: null */
  schema?: Schema | null;
}

/** A stored file or value with a name and a content hash. */
export interface Artifact {
  name: string;
  digest: string;
  /** Default: null */
  nbytes?: number | null;
  /** Default: 0 */
  n?: number;
}

/** A module of the user's own that the notebook imports: neither installed nor standard library. Source kept as blob. */
export interface LocalModule {
  name: string;
  path: string;
  digest: string;
  /** Default: "" */
  relative?: string;
}

/** One result of a verification: what was recorded, what the clean run gave. */
export interface ResultVerdict {
  name: string;
  verdict: 'different' | 'failed' | 'identical' | 'input gone' | 'within tolerance';
  /** Default: null */
  expected?: Scalar;
  /** Default: null */
  found?: Scalar;
  /** Default: "" */
  detail?: string;
}

/** The slice re-run in a clean kernel and compared. It holds for the slice whose digest it carries, and for no other. */
export interface Verification {
  type?: 'verification';
  id: string;
  run: string;
  session: string;
  result: string;
  at: number;
  verdict: 'different' | 'failed' | 'identical' | 'input gone' | 'within tolerance';
  /** Default: [] */
  results?: ResultVerdict[];
  /** Default: "" */
  slice_digest?: string;
  /** Default: 0.0 */
  seconds?: number;
  /** Default: "" */
  detail?: string;
  /** Default: "" */
  environment?: string;
}

/** One attempt that users compare, derived from observations; see lineage/runs.py for the rules. Times are Unix seconds. */
export interface Run {
  type?: 'run';
  id: string;
  experiment_id: string;
  experiment: string;
  session: string;
  state: 'failed' | 'finished' | 'interrupted' | 'open';
  started: number;
  /** Default: "" */
  name?: string;
  /** Default: "" */
  change?: string;
  /** Default: 0 */
  number?: number;
  /** Default: null */
  ended?: number | null;
  /** Default: "" */
  notebook?: string;
  /** Default: "" */
  user?: string;
  /** Default: [] */
  params?: Param[];
  /** Default: [] */
  metrics?: Metric[];
  /** Default: [] */
  models?: ModelRef[];
  /** Default: [] */
  datasets?: Dataset[];
  /** Default: [] */
  artifacts?: Artifact[];
  /** Default: {} */
  tags?: Record<string, string>;
  /** Default: [] */
  cells?: number[];
  /** Default: false */
  incomplete?: boolean;
  /** Default: "" */
  slice_digest?: string;
  /** Default: "" */
  environment?: string;
  /** Default: [] */
  modules?: LocalModule[];
  /** Default: "" */
  git_commit?: string;
  /** Default: false */
  git_dirty?: boolean;
  /** Default: null */
  origin?: Origin | null;
  /** Default: "" */
  error?: string;
  /** Default: null */
  verification?: Verification | null;
  /** Default: "" */
  goal?: '' | 'met' | 'missed';
  /** Default: false */
  deleted?: boolean;
  /** Default: false */
  starred?: boolean;
  /** Default: false */
  baseline?: boolean;
}

/** The objective of an experiment, with the time at which it was set: the newest counts, the older ones stay. */
export interface Goal {
  type?: 'goal';
  experiment_id: string;
  at: number;
  text: string;
  /** Default: "" */
  metric?: string;
  /** Default: null */
  at_least?: number | null;
  /** Default: null */
  at_most?: number | null;
  /** Default: "" */
  baseline?: string;
  /** Default: "" */
  user?: string;
}

/** The newest session of a kernel or notebook and what came of it; everything empty where nothing was tracked. */
export interface Live {
  session: Session | null;
  package_count: number;
  executions: ExecutionRow[];
  runs: Run[];
  floats: string[];
  /** Default: null */
  goal?: Goal | null;
  /** Default: "" */
  environment?: string;
}

/** A cell whose outputs no longer hold: its id, why in plain words, its last execution (None if it never ran). */
export interface StaleCell {
  id: string;
  reason: string;
  /** Default: null */
  n?: number | null;
  /** Default: "upstream" */
  kind?: string;
}

/** A cell as the notebook holds it now. */
export interface CellSource {
  id: string;
  source: string;
}

/** The open notebook's code cells, in order. */
export interface StaleBody {
  kernel: string;
  cells: CellSource[];
  /** Default: "" */
  path?: string;
}

/** `position`: among the code cells, from 0; an id may stand twice. */
export interface AgainCell {
  id: string;
  position: number;
  forget: string[];
}

/** What to run so that all results hold again: ids of cells in order, each with the names that must not be there before it. */
export interface Again {
  cells: AgainCell[];
  forget: string[];
  remains: string[];
}

/** The exception that ended a cell: class name, message, traceback as plain text (secrets out, ANSI out). */
export interface CellError {
  name: string;
  /** Default: "" */
  message?: string;
  /** Default: "" */
  traceback?: string;
  /** Default: null */
  line?: number | null;
}

/** One output of a cell. Text inline, pictures as blobs; a cut is said in `cut_from`. */
export interface Output {
  kind: 'display' | 'error' | 'result' | 'stream';
  /** Default: "text/plain" */
  mime?: string;
  /** Default: "" */
  text?: string;
  /** Default: null */
  blob?: string | null;
  /** Default: "" */
  name?: string;
  /** Default: null */
  cut_from?: number | null;
}

/** A name of the namespace that the cell used; `via` the function through which, when not used in the cell's own text. */
export interface Read {
  name: string;
  /** Default: "" */
  via?: string;
}

/** A name with the content it had after the cell. `maybe`: touched and not comparable, so it counts as changed in place. */
export interface VariableVersion {
  name: string;
  how: 'created' | 'maybe' | 'mutated' | 'rebound';
  fingerprint: Fingerprint;
}

/** A file that the cell read or wrote. `path` as opened; `relative` to the session's folder when inside it. */
export interface FileAccess {
  path: string;
  mode: 'read' | 'write';
  fingerprint: Fingerprint;
  /** Default: "" */
  relative?: string;
  /** Default: null */
  modified?: number | null;
}

/** What a cell asked for outside and got: the rows of a statement (`sql`), or the bytes behind an address (`url`). No secrets. */
export interface Query {
  kind: 'sql' | 'url';
  text: string;
  /** Default: "" */
  source?: string;
  /** Default: null */
  rows?: number | null;
  /** Default: {"kind": "query"} */
  fingerprint?: Fingerprint;
  /** Default: null */
  unordered?: string | null;
}

/** The generators `python` and `numpy`. `before`: source → digest of its state = name of the blob that restores it. */
export interface RandomState {
  /** Default: {} */
  before?: Record<string, string>;
  /** Default: [] */
  drew?: string[];
  /** Default: [] */
  seeded?: string[];
  /** Default: [] */
  by_import?: string[];
}

/** One run of one cell. Key (session, n); n counts from 1 in order of execution and is ours, never the prompt number. */
export interface CellExecution {
  type?: 'execution';
  session: string;
  n: number;
  source: string;
  state: 'error' | 'interrupted' | 'ok' | 'running' | 'skipped' | 'untracked';
  /** Default: "" */
  cell?: string;
  /** Default: "" */
  executed?: string;
  /** Default: null */
  prompt?: number | null;
  /** Default: null */
  started?: number | null;
  /** Default: null */
  ended?: number | null;
  /** Default: null */
  error?: CellError | null;
  /** Default: [] */
  outputs?: Output[];
  /** Default: 0 */
  outputs_dropped?: number;
  /** Default: [] */
  reads?: Read[];
  /** Default: [] */
  writes?: VariableVersion[];
  /** Default: [] */
  deletes?: string[];
  /** Default: [] */
  stores?: string[];
  /** Default: [] */
  files?: FileAccess[];
  /** Default: [] */
  queries?: Query[];
  /** Default: "" */
  environment?: string;
  /** Default: [] */
  modules?: LocalModule[];
  /** Default: [] */
  imports?: string[];
  /** Default: null */
  random?: RandomState | null;
  /** Default: [] */
  opaque?: string[];
  /** Default: [] */
  unverified?: string[];
  /** Default: [] */
  effects?: string[];
  /** Default: 0.0 */
  cost?: number;
  /** Default: null */
  memory?: number | null;
  /** Default: "" */
  taken_from?: string;
}

/** A run as a line of a table. `metrics`: those without a key, the newest value of each. */
export interface RunLine {
  id: string;
  number: number;
  title: string;
  experiment: string;
  experiment_id: string;
  session: string;
  state: 'failed' | 'finished' | 'interrupted' | 'open';
  started: number;
  /** Default: null */
  seconds?: number | null;
  /** Default: "" */
  verdict?: string;
  /** Default: "" */
  goal?: string;
  /** Default: false */
  starred?: boolean;
  /** Default: false */
  baseline?: boolean;
  /** Default: false */
  job?: boolean;
  /** Default: {} */
  tags?: Record<string, string>;
  /** Default: {} */
  params?: Record<string, Scalar | Scalar[]>;
  /** Default: {} */
  metrics?: Record<string, number>;
}

/** So many runs there are; `lines` are those from `offset` on. */
export interface RunWindow {
  total: number;
  offset: number;
  lines: RunLine[];
  baseline: RunLine | null;
}

/** A name that runs have, `metric` or `param`, and how many runs have it. */
export interface Named {
  kind: 'metric' | 'param';
  name: string;
  runs: number;
}

/** The run with the best value of a metric. `least`: less is better; `goal`: the experiment's goal says so. */
export interface Best {
  metric: string;
  least: boolean;
  goal: boolean;
  run: Run;
}

/** The runs of a day that are not among the newest: `runs` of them from `offset` on, newest first. */
export interface RunDay {
  day: string;
  offset: number;
  runs: number;
}

/** What a list of runs begins with. `zone`: the time zone that days are of. */
export interface Overview {
  total: number;
  newest: Run[];
  best: Best | null;
  starred: Run[];
  baseline: Run | null;
  days: RunDay[];
  zone: string;
}

/** The course of a metric in a run. */
export interface Curve {
  run: string;
  number: number;
  title: string;
  metric: string;
  steps: number[];
  values: number[];
}

/** What is said of a run. None, or left out: as it is. A tag of None goes. */
export interface RemarkBody {
  /** Default: null */
  starred?: boolean | null;
  /** Default: null */
  baseline?: boolean | null;
  /** Default: {} */
  tags?: Record<string, string | null>;
}

/** One metric in both runs; None on the side that lacks it. `delta` is b minus a. */
export interface MetricChange {
  name: string;
  /** Default: null */
  a?: number | null;
  /** Default: null */
  b?: number | null;
  /** Default: null */
  delta?: number | null;
  /** Default: "" */
  key?: string;
}

/** One param that differs. `only`: the side that has it, "" if both have. */
export interface ParamChange {
  name: string;
  /** Default: null */
  a?: Scalar | Scalar[];
  /** Default: null */
  b?: Scalar | Scalar[];
  /** Default: "" */
  only?: string;
}

/** One cell of the slices that differs, as a unified diff; `a` and `b` are positions in the slices, from 1. */
export interface CodeChange {
  kind: string;
  diff: string;
  /** Default: null */
  a?: number | null;
  /** Default: null */
  b?: number | null;
}

/** One column that both tables have, and whose content differs. `rows`: [start, stop) of each stretch, empty if not known. */
export interface ColumnChange {
  name: string;
  /** Default: "" */
  type_a?: string;
  /** Default: "" */
  type_b?: string;
  /** Default: [] */
  rows?: [number, number][];
}

/** What differs from table `a` to table `b`. For an array or a series, `changed` holds one column without a name. */
export interface Difference {
  /** Default: [] */
  changed?: ColumnChange[];
  /** Default: [] */
  added?: string[];
  /** Default: [] */
  removed?: string[];
  /** Default: [] */
  unknown?: string[];
  /** Default: 0 */
  appended?: number;
  /** Default: 0 */
  unchanged?: number;
  /** Default: 0 */
  open?: number;
}

/** One dataset that differs, by name. `unknown`: content could not be compared in full. */
export interface DataChange {
  name: string;
  kind: string;
  /** Default: [] */
  columns_changed?: string[];
  /** Default: [] */
  columns_added?: string[];
  /** Default: [] */
  columns_removed?: string[];
  /** Default: null */
  shape_a?: number[] | null;
  /** Default: null */
  shape_b?: number[] | null;
  /** Default: null */
  detail?: Difference | null;
}

/** One package whose version differs; "" where it is not installed. */
export interface PackageChange {
  name: string;
  /** Default: "" */
  a?: string;
  /** Default: "" */
  b?: string;
}

/** What changed from run `a` to run `b`. `metrics` holds all of them, the other lists only what differs. */
export interface Comparison {
  a: string;
  b: string;
  /** Default: [] */
  metrics?: MetricChange[];
  /** Default: [] */
  params?: ParamChange[];
  /** Default: [] */
  models?: ParamChange[];
  /** Default: [] */
  code?: CodeChange[];
  /** Default: [] */
  data?: DataChange[];
  /** Default: [] */
  packages?: PackageChange[];
  /** Default: [] */
  environment?: ParamChange[];
  /** Default: [] */
  random?: string[];
  /** Default: false */
  same?: boolean;
}

/** What changed from run `a` to run `b`, the two as lines. */
export interface Compared {
  a: RunLine;
  b: RunLine;
  found: Comparison;
}

/** One cell that a run needs, and the names for which it is needed. */
export interface CellNeeded {
  n: number;
  cell: string;
  source: string;
  because: string[];
}

/** The cells needed for a run, in execution order; `total` cells ran in its session. */
export interface RunCells {
  run: string;
  cells: CellNeeded[];
  incomplete: boolean;
  total: number;
  /** Default: "" */
  session?: string;
}

/** Why a task failed, as `MlopsError` says it. */
export interface TaskError {
  what: string;
  /** Default: "" */
  remedy?: string;
}

/** One background task. `done` of `total` steps; `subject` is the run or bundle it is about, `result` what it returned. */
export interface Task {
  id: string;
  kind: 'convert' | 'run' | 'sweep' | 'verify';
  subject: string;
  started: number;
  /** Default: "running" */
  state?: 'cancelled' | 'failed' | 'running' | 'succeeded';
  /** Default: "" */
  message?: string;
  /** Default: 0 */
  done?: number;
  /** Default: 0 */
  total?: number;
  /** Default: null */
  ended?: number | null;
  /** Default: null */
  result?: unknown;
  /** Default: null */
  error?: TaskError | null;
}

/** The answer of a POST that started a task. */
export interface Accepted {
  task: Task;
}

/** `allow_effects`: also re-run cells that write elsewhere, use a database or the network. */
export interface VerifyBody {
  /** Default: false */
  allow_effects?: boolean;
}

/** What a job can be given. `schema` is JSON Schema for one value; `varied`: it differed between the recorded runs. */
export interface JobParameter {
  name: string;
  type: 'array' | 'boolean' | 'date' | 'datetime' | 'decimal' | 'integer' | 'number' | 'path' | 'secret' | 'string';
  default: Scalar | Scalar[];
  /** Default: {} */
  schema?: Record<string, unknown>;
  /** Default: "" */
  description?: string;
  /** Default: false */
  varied?: boolean;
  /** Default: 0 */
  cell?: number;
  /** Default: "" */
  arrives?: string;
}

/** A file, URL or query of the slice, overridable with `-i name=URI`. `path` as the notebook opens it. */
export interface JobInput {
  name: string;
  path: string;
  fingerprint: Fingerprint;
  /** Default: null */
  schema?: Schema | null;
  /** Default: false */
  carried?: boolean;
  /** Default: "" */
  source?: string;
  /** Default: false */
  fixed?: boolean;
  /** Default: "file" */
  kind?: 'file' | 'query' | 'url';
  /** Default: null */
  rows?: number | null;
  /** Default: "warn" */
  policy?: 'fail' | 'record' | 'warn';
}

/** What the job makes and what the recorded run had for it. */
export interface JobResult {
  name: string;
  kind: 'file' | 'metric' | 'model' | 'variable';
  /** Default: null */
  value?: Scalar;
  /** Default: "" */
  digest?: string;
  /** Default: "" */
  variable?: string;
  /** Default: "" */
  key?: string;
  /** Default: "" */
  metric?: string;
}

/** How far a metric of the job may be from its reference, relative to the larger of the two, and where that number is from. */
export interface Tolerance {
  value: number;
  source: string;
}

/** The contract of a bundle. `files` maps each other file of the bundle to its sha256; `digest` covers all of it. */
export interface JobManifest {
  name: string;
  created: number;
  parameters: JobParameter[];
  inputs: JobInput[];
  results: JobResult[];
  cells: number;
  cells_total: number;
  /** Default: "" */
  owner?: string;
  /** Default: "" */
  notebook?: string;
  /** Default: "" */
  made_from_run?: string;
  /** Default: "" */
  made_from_session?: string;
  /** Default: "" */
  experiment?: string;
  /** Default: "" */
  experiment_id?: string;
  /** Default: "" */
  python?: string;
  /** Default: "python3" */
  kernel?: string;
  /** Default: false */
  verified?: boolean;
  /** Default: null */
  verified_at?: number | null;
  /** Default: "unverified" */
  verdict?: string;
  /** Default: [] */
  modules?: string[];
  /** Default: [] */
  warnings?: string[];
  /** Default: null */
  seed?: number | null;
  /** Default: [] */
  effects?: string[];
  /** Default: {} */
  tolerances?: Record<string, Tolerance>;
  /** Default: [] */
  added?: number[];
  /** Default: [] */
  left_out?: number[];
  /** Default: {} */
  files?: Record<string, string>;
  /** Default: 1 */
  version?: number;
  /** Default: "" */
  digest?: string;
}

/** A bundle, and where it lies: relative to the folder that the list was asked for with. */
export interface JobEntry {
  folder: string;
  manifest: JobManifest;
}

/** What is said of one parameter. `range` is `LOW..HIGH`, either side may be missing; `secret` a reference, or `env`. */
export interface Terms {
  /** Default: "" */
  rename?: string;
  /** Default: "" */
  type?: string;
  /** Default: "" */
  range?: string;
  /** Default: "" */
  choices?: string;
  /** Default: "" */
  help?: string;
  /** Default: "" */
  secret?: string;
}

/** Make a job of a run, or of results of a session, in a folder (a contents path). `parameters` None keeps all candidates. */
export interface ConvertBody {
  folder: string;
  /** Default: "" */
  session?: string;
  /** Default: "" */
  run?: string;
  /** Default: [] */
  results?: string[];
  /** Default: null */
  parameters?: string[] | null;
  /** Default: true */
  verify?: boolean;
  /** Default: false */
  allow_effects?: boolean;
  /** Default: [] */
  added?: number[];
  /** Default: [] */
  left_out?: number[];
  /** Default: {} */
  terms?: Record<string, Terms>;
  /** Default: {} */
  policies?: Record<string, 'fail' | 'record' | 'warn'>;
}

/** What would become a job: a run, or results of a session (all of its runs if none is named). */
export interface PreviewBody {
  /** Default: "" */
  session?: string;
  /** Default: "" */
  run?: string;
  /** Default: [] */
  results?: string[];
  /** Default: null */
  parameters?: string[] | null;
  /** Default: [] */
  added?: number[];
  /** Default: [] */
  left_out?: number[];
  /** Default: {} */
  terms?: Record<string, Terms>;
}

/** Run a bundle. `inputs` maps an input's name to a path or URI. `resume`: take what earlier runs kept and still holds. */
export interface RunBody {
  folder: string;
  /** Default: {} */
  parameters?: Record<string, Scalar | Scalar[]>;
  /** Default: {} */
  inputs?: Record<string, string>;
  /** Default: false */
  resume?: boolean;
}

/** A runner. `options` with their defaults as text; `missing` says what it needs that is not installed. */
export interface Known {
  name: string;
  /** Default: "" */
  title?: string;
  /** Default: "" */
  bundle?: string;
  /** Default: "" */
  environment?: string;
  /** Default: "" */
  inputs?: string;
  /** Default: "" */
  results?: string;
  /** Default: {} */
  options?: Record<string, string>;
  /** Default: "" */
  schedules?: string;
  /** Default: "" */
  missing?: string;
  /** Default: "" */
  remedy?: string;
}

/** One submission as a line of a list. `done` of `total` cells, where they are known; times are Unix seconds. */
export interface Handover {
  id: string;
  job: string;
  name: string;
  runner: string;
  state: 'cancelled' | 'died' | 'failed' | 'queued' | 'running' | 'scheduled' | 'succeeded' | 'timed-out';
  at: number;
  /** Default: "" */
  run?: string;
  /** Default: {} */
  given?: Record<string, string>;
  /** Default: "" */
  error?: string;
  /** Default: null */
  cell?: number | null;
  /** Default: null */
  started?: number | null;
  /** Default: null */
  ended?: number | null;
  /** Default: 0 */
  attempts?: number;
  /** Default: "" */
  parent?: string;
  /** Default: "" */
  schedule?: string;
  /** Default: null */
  next?: number | null;
  /** Default: 0 */
  done?: number;
  /** Default: 0 */
  total?: number;
  /** Default: "" */
  bundle?: string;
  /** Default: "" */
  notebook?: string;
  /** Default: "" */
  output?: string;
  /** Default: false */
  here?: boolean;
  /** Default: "" */
  unasked?: string;
  /** Default: false */
  again?: boolean;
}

/** When a job runs again and again: five fields of cron, read in a time zone. */
export interface Schedule {
  cron: string;
  /** Default: "UTC" */
  zone?: string;
  /** Default: "skip" */
  overlap?: 'cancel-old' | 'queue' | 'skip';
  /** Default: "run" */
  missed?: 'run' | 'skip';
}

/** Hand a bundle to a runner. `options` are the runner's; `schedule` where it is to start again and again. */
export interface SubmitBody {
  folder: string;
  runner: string;
  /** Default: {} */
  parameters?: Record<string, Scalar | Scalar[]>;
  /** Default: {} */
  inputs?: Record<string, string>;
  /** Default: {} */
  options?: Record<string, string>;
  /** Default: "" */
  deliver?: string;
  /** Default: false */
  unverified?: boolean;
  /** Default: 0 */
  retries?: number;
  /** Default: null */
  timeout?: number | null;
  /** Default: null */
  schedule?: Schedule | null;
}

/** How a job's run ended, judged in one place from exceptions and exit codes, never from notebook metadata. */
export interface Outcome {
  state: 'cancelled' | 'died' | 'failed' | 'queued' | 'running' | 'scheduled' | 'succeeded' | 'timed-out';
  /** Default: "" */
  error?: string;
  /** Default: null */
  cell?: number | null;
  /** Default: "" */
  source?: string;
  /** Default: 0.0 */
  seconds?: number;
}

/** What was decided for a moment of a schedule, and when: the job was handed over, left out, or the moment was missed. */
export interface Firing {
  at: number;
  decided: number;
  what: 'missed' | 'run' | 'skipped';
  /** Default: "" */
  child?: string;
  /** Default: false */
  made_up?: boolean;
  /** Default: 1 */
  count?: number;
  /** Default: null */
  first?: number | null;
}

/** One hand-over of a job to a runner. `place` is what the runner needs to find it again; "" until it was handed over. */
export interface Submission {
  type?: 'submission';
  id: string;
  job: string;
  runner: string;
  at: number;
  state: 'cancelled' | 'died' | 'failed' | 'queued' | 'running' | 'scheduled' | 'succeeded' | 'timed-out';
  /** Default: "" */
  run?: string;
  /** Default: {} */
  parameters?: Record<string, Scalar | Scalar[]>;
  /** Default: null */
  outcome?: Outcome | null;
  /** Default: "" */
  place?: string;
  /** Default: "" */
  name?: string;
  /** Default: "" */
  owner?: string;
  /** Default: {} */
  inputs?: Record<string, string>;
  /** Default: {} */
  options?: Record<string, string>;
  /** Default: "" */
  deliver?: string;
  /** Default: null */
  schedule?: Schedule | null;
  /** Default: "" */
  parent?: string;
  /** Default: [] */
  tell?: string[];
  /** Default: "" */
  told?: string;
  /** Default: 0.0 */
  telling?: number;
  /** Default: "" */
  untold?: string;
  /** Default: "" */
  host?: string;
  /** Default: "" */
  bundle?: string;
  /** Default: 0 */
  retries?: number;
  /** Default: null */
  timeout?: number | null;
  /** Default: null */
  due?: number | null;
  /** Default: [] */
  firings?: Firing[];
  /** Default: 0 */
  attempts?: number;
  /** Default: null */
  queued?: number | null;
  /** Default: null */
  started?: number | null;
  /** Default: null */
  ended?: number | null;
  /** Default: null */
  memory?: number | null;
  /** Default: [] */
  collected?: string[];
}

/** One submission: its line, and all that is known of it. */
export interface SubmissionDetails {
  line: Handover;
  submission: Submission;
}

/** What a job has printed from `offset` on, up to `size`; both count characters. An offset beyond the end begins again. */
export interface LogPart {
  text: string;
  offset: number;
  size: number;
  state: 'cancelled' | 'died' | 'failed' | 'queued' | 'running' | 'scheduled' | 'succeeded' | 'timed-out';
}

/** One run of a sweep, with the parameters that differ between them. */
export interface SweepChild {
  number: number;
  state: 'waiting' | 'cancelled' | 'died' | 'failed' | 'queued' | 'running' | 'scheduled' | 'succeeded' | 'timed-out';
  parameters: Record<string, Scalar | Scalar[]>;
  /** Default: {} */
  metrics?: Record<string, number>;
  /** Default: 0.0 */
  seconds?: number;
  /** Default: "" */
  error?: string;
  /** Default: null */
  cell?: number | null;
  /** Default: "" */
  run?: string;
  /** Default: "" */
  submission?: string;
}

/** A sweep as it stands. `best` is the number of the child that is best by `metric`, 0 while there is none. */
export interface SweepTable {
  id: string;
  folder: string;
  name: string;
  created: number;
  varied: string[];
  total: number;
  states: Record<string, number>;
  /** Default: "" */
  metric?: string;
  /** Default: [] */
  metrics?: string[];
  /** Default: 0 */
  best?: number;
  /** Default: null */
  ended?: number | null;
  /** Default: "" */
  stopped?: string;
  /** Default: "" */
  runner?: string;
  /** Default: [] */
  children?: SweepChild[];
}

/** Run a bundle many times. `grid`: parameter → values with commas between; `random` draws from `ranges`. */
export interface SweepBody {
  folder: string;
  /** Default: {} */
  grid?: Record<string, string>;
  /** Default: {} */
  fixed?: Record<string, string>;
  /** Default: 0 */
  random?: number;
  /** Default: {} */
  ranges?: Record<string, string>;
  /** Default: null */
  seed?: number | null;
  /** Default: {} */
  inputs?: Record<string, string>;
  /** Default: 0 */
  at_once?: number;
  /** Default: "" */
  runner?: string;
  /** Default: {} */
  options?: Record<string, string>;
  /** Default: false */
  unverified?: boolean;
  /** Default: "" */
  resume?: string;
}

/** A cell execution, or something that one left behind. `n`: the execution that is it or made it; 0 if none did. */
export interface LineageNode {
  id: string;
  kind: 'cell' | 'data' | 'metric' | 'model' | 'variable';
  label: string;
  /** Default: 0 */
  n?: number;
  /** Default: "" */
  cell?: string;
  /** Default: "" */
  detail?: string;
  /** Default: null */
  nbytes?: number | null;
  /** Default: "" */
  state?: string;
  /** Default: 0 */
  times?: number;
  /** Default: false */
  opaque?: boolean;
  /** Default: [] */
  unread?: string[];
  /** Default: "" */
  source?: string;
  /** Default: "" */
  dataset?: string;
  /** Default: false */
  needed?: boolean;
}

/** From one node to another, by their places in the list. `faint`: through something that has no node of its own. */
export interface LineageEdge {
  a: number;
  b: number;
  /** Default: "" */
  faint?: string;
}

/** The graph of a session, or of what a run needs. All empty where nothing was tracked. */
export interface LineageGraph {
  session: string;
  run: string;
  nodes: LineageNode[];
  edges: LineageEdge[];
  cells: number;
  total: number;
  earlier: number;
}

/** A name that a cell wrote: how, and what it held then, in words. */
export interface WrittenName {
  name: string;
  how: string;
  /** Default: "" */
  type?: string;
  /** Default: [] */
  shape?: number[];
}

/** One execution of a cell, as it was. */
export interface CellAsRun {
  session: string;
  n: number;
  cell: string;
  source: string;
  state: string;
  started: number | null;
  seconds: number | null;
  error: string;
  reads: string[];
  writes: WrittenName[];
  opaque: string[];
}

/** A dataset as a line of a list, with what its newest version is. */
export interface DatasetRow {
  key: string;
  name: string;
  kind: 'file' | 'query' | 'url' | 'value';
  last: number;
  /** Default: "" */
  source?: string;
  /** Default: "" */
  digest?: string;
  /** Default: 1.0 */
  coverage?: number;
  /** Default: [] */
  shape?: number[];
  /** Default: null */
  nbytes?: number | null;
  /** Default: 0 */
  versions?: number;
  /** Default: 0 */
  cells?: number;
  /** Default: 0 */
  runs?: number;
  /** Default: [] */
  roles?: string[];
}

/** The datasets of an experiment, files and questions first; found in so many of its sessions and runs. */
export interface Datasets {
  experiment: string;
  sessions: number;
  runs: number;
  datasets: DatasetRow[];
}

/** A cell execution that read, wrote or otherwise used a version. */
export interface DatasetUse {
  session: string;
  n: number;
  cell: string;
  how: 'read' | 'used' | 'written';
  line: string;
  /** Default: null */
  at?: number | null;
  /** Default: false */
  current?: boolean;
}

/** A run that used a version. */
export interface DatasetRun {
  id: string;
  number: number;
  name: string;
  started: number;
}

/** One content of a dataset. `coverage` below 1: known in part; `digest` "": not known. */
export interface DatasetVersion {
  id: string;
  first: number;
  last: number;
  /** Default: "" */
  digest?: string;
  /** Default: "" */
  type?: string;
  /** Default: [] */
  shape?: number[];
  /** Default: null */
  nbytes?: number | null;
  /** Default: 1.0 */
  coverage?: number;
  /** Default: [] */
  columns?: Column[];
  /** Default: 0 */
  sessions?: number;
  /** Default: [] */
  uses?: DatasetUse[];
  /** Default: 0 */
  uses_total?: number;
  /** Default: [] */
  runs?: DatasetRun[];
  /** Default: 0 */
  runs_total?: number;
}

/** One dataset with its versions, newest first. */
export interface DatasetPage {
  dataset: DatasetRow;
  versions: DatasetVersion[];
}

/** What differs from version `a` to version `b`, as far as fingerprints tell. */
export interface DatasetDifference {
  a: string;
  b: string;
  change: DataChange | null;
  types: string[];
}

/** A value of a text column and how often it occurs. */
export interface TopValue {
  text: string;
  count: number;
}

/** One column: what is known in figures, and the bars to draw. `low` and `high` are the ends of the bins. */
export interface ColumnPicture {
  name: string;
  type: string;
  kind: string;
  count: number;
  /** Default: 0 */
  nulls?: number;
  /** Default: 0 */
  zeros?: number;
  /** Default: 0 */
  infinities?: number;
  /** Default: null */
  distinct?: number | null;
  /** Default: null */
  minimum?: number | null;
  /** Default: null */
  maximum?: number | null;
  /** Default: 0.0 */
  low?: number;
  /** Default: 0.0 */
  high?: number;
  /** Default: [] */
  bins?: number[];
  /** Default: [] */
  top?: TopValue[];
  /** Default: 0 */
  others?: number;
}

/** The profile of a version, and of the one it is laid over, in the same bins. `missing`: why there is none. */
export interface DatasetProfile {
  version: string;
  against: string;
  rows: number | null;
  columns: ColumnPicture[];
  missing: string;
  remedy: string;
  rows_against: number | null;
  columns_against: ColumnPicture[];
  missing_against: string;
}

/** One execution of the cell. `again`: its source is that of the execution before it. `outputs`: how many it showed. */
export interface CellVersion {
  session: string;
  n: number;
  state: 'error' | 'interrupted' | 'ok' | 'running' | 'skipped' | 'untracked';
  source: string;
  /** Default: null */
  started?: number | null;
  /** Default: null */
  seconds?: number | null;
  /** Default: "" */
  user?: string;
  /** Default: "" */
  error?: string;
  /** Default: false */
  again?: boolean;
  /** Default: 0 */
  outputs?: number;
}

/** The executions of a cell, newest first: `total` there were, the newest of them are here. */
export interface CellHistory {
  cell: string;
  total: number;
  sessions: number;
  versions: CellVersion[];
}

/** One output as it may be shown: text, or a picture as base64. `cut`: how many characters or bytes there were, if more. */
export interface Shown {
  kind: string;
  /** Default: "text/plain" */
  mime?: string;
  /** Default: "" */
  text?: string;
  /** Default: "" */
  picture?: string;
  /** Default: "" */
  name?: string;
  /** Default: null */
  cut?: number | null;
}

/** What began in the week from `start`, a Monday at midnight UTC. `jobs`: attempts that have ended, without the cancelled. */
export interface DeliveryWeek {
  start: number;
  runs: number;
  failed_runs: number;
  jobs: number;
  failed_jobs: number;
  verified: number;
  reproduced: number;
  notebook_seconds: number;
  job_seconds: number;
}

/** One experiment: all of its time in `whole`, its last weeks in `weeks`. `to_job`: seconds from first run to verified job. */
export interface Delivery {
  experiment_id: string;
  experiment: string;
  last: number;
  first_run: number;
  whole: DeliveryWeek;
  weeks: DeliveryWeek[];
  /** Default: null */
  first_verified?: number | null;
  /** Default: null */
  to_job?: number | null;
}

/** What one session has computed: how many cells have ended in it, the seconds that they took together, how many failed. */
export interface Spent {
  session: string;
  experiment_id: string;
  kind: 'headless' | 'ipython' | 'job' | 'notebook' | 'verification';
  started: number;
  /** Default: 0.0 */
  seconds?: number;
  /** Default: 0 */
  executions?: number;
  /** Default: 0 */
  failed?: number;
  /** Default: "" */
  job?: string;
  /** Default: false */
  verified?: boolean;
  /** Default: "" */
  submission?: string;
}

/** Where an observed call stands: `module.qualname` of the function; cell id or file; line from 1, column from 0. */
export interface CallSite {
  function: string;
  /** Default: "" */
  place?: string;
  /** Default: 0 */
  line?: number;
  /** Default: 0 */
  column?: number;
  /** Default: "" */
  target?: string;
}

/** A metric value, fitted model, param, dataset or artifact seen in a cell execution. Key (session, n, seq). */
export interface Observation {
  type?: 'observation';
  session: string;
  n: number;
  seq: number;
  at: number;
  kind: 'artifact' | 'dataset' | 'end-run' | 'metric' | 'model' | 'param' | 'start-run' | 'tag';
  name: string;
  /** Default: null */
  value?: Scalar;
  /** Default: "" */
  key?: string;
  /** Default: null */
  step?: number | null;
  /** Default: [] */
  series?: number[];
  /** Default: null */
  site?: CallSite | null;
  /** Default: "" */
  variable?: string;
  /** Default: "" */
  class_name?: string;
  /** Default: {} */
  params?: Record<string, Scalar>;
  /** Default: [] */
  shown?: string[];
  /** Default: [] */
  models?: string[];
  /** Default: [] */
  datasets?: Dataset[];
  /** Default: null */
  fingerprint?: Fingerprint | null;
  /** Default: null */
  blob?: string | null;
  /** Default: false */
  logged?: boolean;
  /** Default: {} */
  details?: Record<string, string>;
}

/** What people said of a run. It stands beside what the run is derived from, and outlives each deriving. */
export interface Remark {
  type?: 'remark';
  run: string;
  session: string;
  at: number;
  /** Default: false */
  starred?: boolean;
  /** Default: false */
  baseline?: boolean;
  /** Default: {} */
  tags?: Record<string, string>;
  /** Default: [] */
  taken_off?: string[];
}

/** A named group of runs; by default one per notebook. */
export interface Experiment {
  id: string;
  name: string;
  /** Default: [] */
  goals?: Goal[];
}

/** What came of a merge: entities added, sessions that were here before, sessions that were forgotten and stay so. */
export interface Merged {
  /** Default: 0 */
  added?: number;
  /** Default: 0 */
  known?: number;
  /** Default: 0 */
  forgotten?: number;
}

/** Times are Unix seconds. `writer`: the one writer that a `job` token may append to, bound by its first use. */
export interface Token {
  id: string;
  name: string;
  scope: 'admin' | 'job' | 'read' | 'write';
  created: number;
  /** Default: null */
  expires?: number | null;
  /** Default: null */
  revoked?: number | null;
  /** Default: "" */
  writer?: string;
}

/** A token that was just made. `secret` is nowhere else. */
export interface NewToken {
  token: Token;
  secret: string;
}

/** How far a writer has been shipped: the number of its last record, and the bytes of its file up to there. */
export interface Position {
  n: number;
  offset: number;
}

/** Whether the batch was taken: not if the writer stands elsewhere, because another shipper was faster. */
export interface Stored {
  stored: boolean;
}

/** When the writer was last seen, in Unix seconds. */
export interface CloseBody {
  at: number;
}
