// Keeps the page of now as it is now: the service says that something changed, and the card is fetched anew. Where the service has no
// room to say so, it is asked every three seconds. A page that nobody looks at does neither. Nothing depends on this script.
const said = document.getElementById("now-said");
const lost = document.getElementById("now-lost");
let source, timer, queue = Promise.resolve();

const card = () => document.getElementById("now");
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const users = (part) => new Map([...part.querySelectorAll("[data-user]")].map((each) => [each.dataset.user, each.dataset]));

// One look after the other, however many are asked for.
const look = () => (queue = queue.then(refresh));

async function refresh() {
  try {
    const { card: path, shown } = card().dataset;
    const answer = await fetch(`${path}&shown=${shown}`, { cache: "no-store", signal: AbortSignal.timeout(10_000) });
    if (answer.status === 403) {
      location.reload(); // signed out, or in another window somebody else's turn
      return;
    }
    lost.hidden = answer.ok;
    if (answer.status === 200) {
      await show(await answer.text());
    }
  } catch {
    lost.hidden = false;
  }
}

async function show(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("now");
  while (card().matches(":active")) {
    await pause(100); // a button is being pressed: it must not vanish under the finger
  }
  const old = card();
  const [before, after] = [users(old), users(fresh)];
  const focus = old.contains(document.activeElement) ? document.activeElement.id : null;
  old.replaceWith(fresh);
  showTimes(fresh);
  if (focus !== null) {
    ((focus && document.getElementById(focus)) || fresh.querySelector("h1")).focus({ preventScroll: true });
  }
  const news = [
    ...[...before].filter(([id]) => !after.has(id)).map(([, user]) => user.ended),
    ...[...after].filter(([id]) => !before.has(id)).map(([, user]) => user.began),
  ];
  if (news.length) {
    said.textContent = news.join("; ");
  }
}

function listen() {
  const { events, shown } = card().dataset;
  source = new EventSource(`${events}?shown=${shown}`);
  source.addEventListener("changed", look);
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) {
      ask(20); // no room, or no service
    } else {
      look(); // it opens itself again; did it lose the service?
    }
  });
}

async function ask(times) {
  const asking = source;
  await look();
  if (source === asking) {
    timer = setTimeout(times ? () => ask(times - 1) : listen, 3000);
  }
}

function stop() {
  source?.close();
  source = null;
  clearTimeout(timer);
}

document.addEventListener("visibilitychange", () => {
  stop();
  if (!document.hidden) {
    look();
    listen();
  }
});
listen();
