// The page that `make bench-browser` compares Telltale's with: one server, live, as dashboards are commonly written in React.
// Native EventSource with a listener for each type, JSON.parse and a setState for each event, log lines sorted by time as
// each one comes. It shows what Telltale's page of a server shows: state, facts, four charts, deployments, the newest lines.
//
// Where there was a choice it was made in React's favour: a production build, function components that are memoised where
// their data did not change, charts that take two samples a second and no more, a hundred log lines and not three hundred,
// and keys that let React keep every row that is still there.
import { memo, useEffect, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";

const SPAN = 10 * 60 * 1000; // of the charts, ms
const SPACING = 500; // between two samples of a chart, ms
const LINES = 100;
const DEPLOYMENTS = 20;
const STATES = ["starting", "online", "idle", "busy", "offline", "error"];
const STAGES = ["started", "building", "provisioning", "ready", "completed", "failed"];
const METRICS = ["cpu", "memory", "network", "storage"];
const KINDS = ["app", "system", "request", "error"];

// What the bench reads: how many events came, and what the stream said that it left out.
const seen = (window.seen = { events: 0, gaps: 0, skipped: 0 });

function Monitor({ serverId }) {
  const [status, setStatus] = useState({ state: "unknown" });
  const [metrics, setMetrics] = useState({});
  const [series, setSeries] = useState({ cpu: [], memory: [], network: [], storage: [] });
  const [deployments, setDeployments] = useState([]);
  const [logs, setLogs] = useState([]);
  const [link, setLink] = useState("connecting");
  const [now, setNow] = useState(Date.now());

  useEffect(() => {
    const source = new EventSource(`/api/servers/${encodeURIComponent(serverId)}/events?types=server:*,deployment:*,metrics:*,logs:*`);
    const on = (type, handle) => source.addEventListener(type, (event) => {
      seen.events++;
      handle(JSON.parse(event.data));
    });
    for (const state of STATES) {
      on(`server:${state}`, (data) => setStatus((was) => ({ ...was, ...data, state })));
    }
    for (const metric of METRICS) {
      on(`metrics:${metric}`, (data) => {
        setMetrics((was) => ({ ...was, [metric]: data }));
        setSeries((was) => {
          const t = Date.parse(data.timestamp), list = was[metric], last = list.at(-1);
          if (last && t - last.t < SPACING) return was;
          const from = list.findIndex((p) => p.t > t - SPAN);
          return { ...was, [metric]: [...(from > 0 ? list.slice(from) : list), { t, v: headline(metric, data) }] };
        });
      });
    }
    for (const stage of STAGES) {
      on(`deployment:${stage}`, (data) => setDeployments((was) =>
        [{ ...data, stage }, ...was.filter((d) => d.id !== data.id)].slice(0, DEPLOYMENTS)));
    }
    for (const kind of KINDS) {
      on(`logs:${kind}`, (data) => setLogs((was) =>
        [{ ...data, kind }, ...was].sort((a, b) => new Date(b.timestamp) - new Date(a.timestamp)).slice(0, LINES)));
    }
    source.addEventListener("stream:gap", (event) => {
      seen.gaps++;
      seen.skipped += JSON.parse(event.data).count ?? 0;
    });
    source.onopen = () => setLink("live");
    source.onerror = () => setLink("reconnecting");
    const clock = setInterval(() => setNow(Date.now()), 1000);
    return () => {
      clearInterval(clock);
      source.close();
    };
  }, [serverId]);

  return (
    <>
      <header><b>Monitor</b><span id="link">{link}</span></header>
      <main>
        <Title id={serverId} status={status} now={now} />
        <section className="charts">
          {METRICS.map((m) => <Chart key={m} name={m} newest={metrics[m]} points={series[m]} />)}
        </section>
        <Deployments list={deployments} />
        <section className="log">
          <h2>Log</h2>
          <ul id="lines">{logs.map((line) => <Line key={line.id} line={line} />)}</ul>
        </section>
      </main>
    </>
  );
}

const Title = memo(function Title({ id, status, now }) {
  const age = status.timestamp ? Math.round((now - Date.parse(status.timestamp)) / 1000) : 0;
  return (
    <div className="title">
      <h1>{id}</h1><b className={status.state}>{status.state}</b><span>since {clock(status.timestamp)}, {age} s</span>
      <dl><dt>Version</dt><dd>{status.version}</dd><dt>Address</dt><dd>{status.url}</dd></dl>
    </div>
  );
});

function headline(metric, data) {
  switch (metric) {
    case "cpu": return data.usage;
    case "network": return data.bytesIn;
    default: return data.used;
  }
}

const units = { cpu: (v) => `${v.toFixed(1)} %`, memory: gib, storage: gib, network: (v) => `${(v / 1e6).toFixed(2)} MB/s` };
function gib(v) { return `${(v / 2 ** 30).toFixed(2)} GiB`; }

function Chart({ name, newest, points }) {
  return (
    <section className="chart">
      <h2>{name}</h2><b id={`now-${name}`}>{newest ? units[name](headline(name, newest)) : "—"}</b>
      <Plot name={name} points={points} />
    </section>
  );
}

const Plot = memo(function Plot({ name, points }) {
  const path = useMemo(() => {
    if (points.length === 0) return "";
    const to = points.at(-1).t, from = Math.min(points[0].t, to - 120_000);
    const top = Math.max(name === "cpu" ? 100 : 1, ...points.map((p) => p.v));
    return points.map((p, i) => `${i ? "L" : "M"}${((p.t - from) / (to - from)) * 600} ${400 - (p.v / top) * 400}`).join("");
  }, [name, points]);
  return <svg viewBox="0 0 600 400" preserveAspectRatio="none"><path d={path} /></svg>;
});

const Deployments = memo(function Deployments({ list }) {
  return (
    <section className="deps">
      <h2>Deployments</h2>
      <ol>{list.map((d) => <li key={d.id}><b>{d.version} {d.stage}</b><time>{clock(d.timestamp)}</time></li>)}</ol>
    </section>
  );
});

const Line = memo(function Line({ line }) {
  return (
    <li className={line.level}>
      <time>{clock(line.timestamp)}</time><b>{line.level}</b><i>{line.kind}</i><span>{line.message}</span>
    </li>
  );
});

function clock(timestamp) {
  return timestamp ? new Date(timestamp).toLocaleTimeString() : "";
}

createRoot(document.getElementById("root")).render(<Monitor serverId={window.serverId} />);
