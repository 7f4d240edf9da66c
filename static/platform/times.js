// Times that stay true: relative or counting on, with the absolute time in the reader's own zone on hover.
// The words and units are the server's (app/web/platform/filters.py).

const content = (name) => document.querySelector(`meta[name=${name}]`).content;
const words = JSON.parse(content("time-words"));
const clock = { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" };
const exact = { ...clock, weekday: "short", year: "numeric", second: "2-digit", timeZoneName: "short" };
const absolute = new Intl.DateTimeFormat(undefined, exact);
const onlyClock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const short = new Intl.DateTimeFormat(undefined, clock);
const shortWithYear = new Intl.DateTimeFormat(undefined, { ...clock, year: "numeric" });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

// Ages count from the server's time, which came with the page and comes with each answer, and from how
// much has passed since: this device's clock may be wrong.
let known = null;

export function takeTime(text) {
  if (text && Number.isFinite(Number(text))) known = { server: Number(text), here: performance.now() };
}

takeTime(content("server-time"));

function serverNow() {
  return known ? known.server + performance.now() - known.here : Date.now();
}

function relative(seconds) {
  const size = Math.abs(seconds);
  if (size < 5) return seconds >= 0 ? words.now : words.soon;
  const [unit, length] = words.units.find(([, least]) => size >= least);
  return (seconds > 0 ? words.past : words.future).replace("{}", `${Math.floor(size / length)} ${unit}`);
}

function duration(seconds) {
  if (seconds < 1) return `${Math.max(Math.round(seconds * 1000), 0)} ms`;
  if (seconds < 10) return `${tenths.format(seconds)} s`;
  const left = Math.round(seconds);
  const index = words.units.findIndex(([, least]) => left >= least);
  const [unit, size] = words.units[index];
  const lower = words.units[index + 1];
  const part = lower ? Math.floor((left % size) / lower[1]) : 0;
  return `${Math.floor(left / size)} ${unit}${part ? ` ${part} ${lower[0]}` : ""}`;
}

export function renewTimes() {
  const thisYear = new Date(serverNow()).getFullYear();
  for (const time of document.querySelectorAll("time[data-clock]:not([title])")) {
    time.title = absolute.format(new Date(time.dateTime));
    time.textContent = onlyClock.format(new Date(time.dateTime));
  }
  for (const time of document.querySelectorAll("time:not([data-clock])")) {
    const moment = new Date(time.dateTime);
    const seconds = (serverNow() - moment) / 1000;
    const { absolute: whole, since, short: compact } = time.dataset;
    const exactly = absolute.format(moment);
    let text = relative(seconds);
    if (whole !== undefined) text = exactly;
    else if (since !== undefined) text = duration(seconds);
    else if (compact !== undefined)
      text = (moment.getFullYear() === thisYear ? short : shortWithYear).format(moment);
    if (time.textContent !== text) time.textContent = text;
    const title = since === undefined ? exactly : words.since.replace("{}", exactly);
    if (whole === undefined && time.title !== title) time.title = title;
  }
}

setInterval(renewTimes, 1000);
