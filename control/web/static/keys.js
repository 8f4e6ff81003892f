// Passkeys and security keys: browsers offer them to scripts alone. Forms that need one are hidden until this has run.

const octets = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
const keys = (described) => described.map((key) => ({ ...key, id: octets(key.id) }));

function creation(options) {
  const user = { ...options.user, id: octets(options.user.id) };
  const known = keys(options.excludeCredentials);
  return { publicKey: { ...options, user, challenge: octets(options.challenge), excludeCredentials: known } };
}

function request(options) {
  const allowed = keys(options.allowCredentials);
  return { publicKey: { ...options, challenge: octets(options.challenge), allowCredentials: allowed } };
}

function written(credential) {
  const response = { clientDataJSON: text(credential.response.clientDataJSON) };
  for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[part]) response[part] = text(credential.response[part]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: credential.getClientExtensionResults(),
  });
}

async function sign(form) {
  const { create, get } = form.dataset;
  const credential = create
    ? await navigator.credentials.create(creation(JSON.parse(create)))
    : await navigator.credentials.get(request(JSON.parse(get)));
  form.elements[form.dataset.field].value = written(credential);
  form.submit();
}

for (const form of document.querySelectorAll("form[data-field]")) {
  const fault = form.querySelector("[role=alert]");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    fault.hidden = true;
    sign(form).catch(() => {
      fault.hidden = false;
    });
  });
  form.hidden = !window.PublicKeyCredential;
}
