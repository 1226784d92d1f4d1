// Shows times in the reader's own zone and manner, and keeps UTC as the title. Without it they read as UTC, and say so.
const language = document.documentElement.lang;
const manner = navigator.languages.find((each) => each.slice(0, 2).toLowerCase() === language.slice(0, 2)) ?? language;

function showTimes(part) {
  for (const element of part.querySelectorAll("time[datetime]")) {
    const form = { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    if (element.classList.contains("exact")) {
      form.second = "2-digit";
    }
    element.title = element.textContent;
    element.textContent = new Intl.DateTimeFormat(manner, form).format(new Date(element.dateTime));
  }
}

showTimes(document);
