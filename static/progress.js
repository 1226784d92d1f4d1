// Looks every two seconds how far a file is, and shows it. A page that nobody looks at does not ask. Nothing depends on this script.
const section = () => document.getElementById("exports");
const busy = () => section()?.querySelector("progress");

async function look() {
  if (document.hidden) {
    return;
  }
  try {
    const answer = await fetch(location.href, { cache: "no-store", redirect: "error", signal: AbortSignal.timeout(10_000) });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("exports");
    const [was, is] = [busy(), fresh?.querySelector("progress")];
    if (!answer.ok || !fresh || !is) {
      location.reload(); // ready, or gone, or signed out
      return;
    }
    was.value = is.value;
    was.nextElementSibling.textContent = is.nextElementSibling.textContent;
  } catch {
    // The next look says more.
  }
}

if (busy()) {
  setInterval(look, 2000);
}
