// The page of the REST API: shows our own document, and asks nobody else (the library would ask its maker's validator).
"use strict";

const page = document.getElementById("api");
window.SwaggerUIBundle({
  url: page.dataset.document,
  domNode: page,
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  validatorUrl: null,
});
