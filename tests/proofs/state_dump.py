"""What else a cell could find changed in its process. Run as a cell's source in the kernel: prints one JSON object.

Of ours, and left out by name: the modules `mlops_jupyter*` and what they import, their loggers, finders on `sys.meta_path`, event
callbacks, threads `mlops-*`, the hook in `builtins` and the tree transformer of Python 3.11, the monitoring tool of 3.12, the magic
`%mlops`, the open file of the outbox, and the three attributes that are shadowed while a cell runs. Audit hooks cannot be listed by anybody.
"""

# ruff: noqa: E501 (a table, one fact to a line)
from __future__ import annotations

DUMP = r'''
def _dump():
    import asyncio, builtins, decimal, faulthandler, gc, hashlib, json, locale, logging, os, random, signal, sys, threading, tracemalloc, warnings
    shell = get_ipython()
    ours = lambda value: "mlops" in (getattr(type(value), "__module__", "") or "") or "mlops" in (getattr(value, "__module__", "") or "")
    digest = lambda value: hashlib.sha256(repr(value).encode()).hexdigest()[:12]
    found = {}
    found["names"] = {k: f"{type(v).__module__}.{type(v).__qualname__}" for k, v in shell.user_ns.items() if not k.startswith("_i") and k != "_dump"}
    found["hidden names"] = sorted(k for k in shell.user_ns_hidden if not k.startswith("_i"))
    found["warnings"] = [repr(f) for f in warnings.filters]
    found["showwarning"] = repr(warnings.showwarning)
    found["random"] = digest(random.getstate())
    found["builtins"] = sorted(k for k in vars(builtins) if "mlops" not in k)
    found["cwd"] = os.getcwd()
    found["path"] = list(sys.path)
    found["meta_path"] = [repr(f) for f in sys.meta_path if not ours(f)]
    found["path_hooks"] = len(sys.path_hooks)
    found["environ"] = {k: v for k, v in os.environ.items() if not k.startswith(("MLOPS_", "JPY_", "IPYTHONDIR"))}
    found["signals"] = {s.name: repr(signal.getsignal(s)) for s in signal.valid_signals() if isinstance(s, signal.Signals)}
    found["itimer"] = signal.getitimer(signal.ITIMER_REAL)
    found["threads"] = sorted(t.name for t in threading.enumerate() if not t.name.startswith("mlops-"))
    found["gc"] = [gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.get_freeze_count()]
    found["gc callbacks"] = [repr(c) for c in gc.callbacks if not ours(c)]
    found["flags"] = repr(sys.flags)
    found["limits"] = [sys.getrecursionlimit(), sys.getswitchinterval(), sys.dont_write_bytecode, sys.get_int_max_str_digits()]
    found["hooks"] = [repr(h) for h in (sys.excepthook, sys.displayhook, sys.unraisablehook, sys.breakpointhook, threading.excepthook)]
    found["trace"] = [repr(t) for t in (sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile())]
    if hasattr(sys, "monitoring"):
        tools = {i: sys.monitoring.get_tool(i) for i in range(6)}
        found["monitoring"] = {i: t for i, t in tools.items() if t and "mlops" not in t}
    shadows = {"write", "publish", "write_format_data"}
    found["streams"] = [type(s).__name__ + str(sorted(set(vars(s)) - shadows)) for s in (sys.stdout, sys.stderr)]
    found["display"] = [sorted(set(vars(s)) - shadows) for s in (shell.display_pub, shell.displayhook)]
    found["formatter"] = [list(shell.display_formatter.active_types), sorted(map(str, shell.display_formatter.formatters["text/html"].type_printers))]
    found["shell"] = sorted(k for k in vars(shell))
    found["transformers"] = [type(t).__name__ for t in shell.ast_transformers if not ours(t)]
    found["input transformers"] = [len(shell.input_transformers_cleanup), len(shell.input_transformers_post)]
    found["callbacks"] = {e: [repr(c) for c in cs if not ours(c)] for e, cs in shell.events.callbacks.items()}
    found["magics"] = {k: sorted(n for n in m if n != "mlops") for k, m in shell.magics_manager.magics.items()}
    found["out"] = sorted(map(str, shell.user_ns.get("Out", {})))
    found["history"] = [len(shell.user_ns.get("In", [])), shell.execution_count]
    found["last"] = [repr(getattr(sys, n, "unset")) for n in ("last_type", "last_value", "last_exc", "ps1")]
    found["exc_info"] = repr(sys.exc_info())
    found["loggers"] = {n: [l.level, l.propagate, l.disabled, [type(h).__name__ for h in l.handlers]] for n, l in sorted(logging.root.manager.loggerDict.items())
                        if isinstance(l, logging.Logger) and not n.startswith(("mlops", "msgspec"))}
    found["root logger"] = [logging.root.level, [type(h).__name__ for h in logging.root.handlers], logging.root.manager.disable]
    found["asyncio"] = [type(asyncio.get_event_loop_policy()).__name__, type(asyncio.get_event_loop()).__name__, len(asyncio.all_tasks(asyncio.get_event_loop()))]
    found["decimal"] = repr(decimal.getcontext())
    found["locale"] = [locale.setlocale(locale.LC_ALL), os.umask(os.umask(0o22))]
    found["debug"] = [faulthandler.is_enabled(), tracemalloc.is_tracing()]
    targets = []
    for n in os.listdir("/proc/self/fd"):
        try:
            targets.append(os.readlink(f"/proc/self/fd/{n}"))
        except OSError:
            pass
    found["files"] = sorted(t.split(":")[0] for t in targets if "/outbox/" not in t and "profile_default" not in t)
    if "numpy" in sys.modules:
        np = sys.modules["numpy"]
        found["numpy"] = [digest([s.tolist() if hasattr(s, "tolist") else s for s in np.random.get_state()]), np.geterr(), repr(np.get_printoptions())]
    if "pandas" in sys.modules:
        pd = sys.modules["pandas"]
        found["pandas"] = [pd.get_option("display.max_rows"), pd.get_option("mode.string_storage")]
    if "matplotlib" in sys.modules:
        mpl = sys.modules["matplotlib"]
        found["matplotlib"] = [digest(sorted(map(repr, mpl.rcParams.items()))), mpl.get_backend()]
        if "matplotlib.pyplot" in sys.modules:
            found["matplotlib"].append(sys.modules["matplotlib.pyplot"].get_fignums())
    if "sklearn" in sys.modules:
        found["sklearn"] = sys.modules["sklearn"].get_config()
    wrapped = {}
    for name in ("sklearn.metrics", "sklearn.linear_model", "json", "pickle", "os", "subprocess", "threading", "multiprocessing", "random", "logging"):
        module = sys.modules.get(name)
        if module is not None:
            wrapped[name] = digest(sorted((k, getattr(v, "__module__", ""), getattr(v, "__qualname__", "")) for k, v in vars(module).items() if callable(v)))
    found["modules as they were"] = wrapped
    print(json.dumps(found, default=repr))
_dump()
del _dump
'''
