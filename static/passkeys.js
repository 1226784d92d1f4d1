// Shows what needs passkeys where the browser has them, and says so where it does not: it has them in a secure context alone (https, or
// localhost), and under a name, not a number. Hides what says that there is no script. allauth's own scripts do the rest; what goes wrong
// in them is said on the page.
const can = window.isSecureContext && "PublicKeyCredential" in window && !/^(\d+\.){3}\d+$|^\[/.test(location.hostname);

for (const part of document.querySelectorAll("[data-passkeys]")) {
  part.hidden = part.dataset.passkeys !== (can ? "can" : "cannot");
}

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  for (const part of document.querySelectorAll("[data-passkey-failed]")) {
    part.hidden = true; // so that a second failure is said again
    requestAnimationFrame(() => (part.hidden = false));
  }
});
