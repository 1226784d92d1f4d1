// A file that is dropped on the form is handed in; one that is too large is not even sent. Without this script the form does the same.
const form = document.querySelector("form.drop");
const input = document.getElementById("file");
const large = document.getElementById("file-large");

function fits() {
  const file = input.files[0];
  large.hidden = !file || file.size <= Number(input.dataset.most);
  return large.hidden;
}

for (const name of ["dragenter", "dragover"]) {
  form.addEventListener(name, (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) {
  form.addEventListener(name, () => form.classList.remove("over"));
}
form.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) {
    input.files = event.dataTransfer.files;
    if (fits()) {
      form.requestSubmit();
    }
  }
});
input.addEventListener("change", fits);
form.addEventListener("submit", (event) => {
  if (!fits()) {
    event.preventDefault();
    input.focus();
  }
});
document.getElementById("result")?.focus();
