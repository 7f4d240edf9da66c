// Passkeys (WebAuthn Level 3): ask the device of a person, and send its answer in a form like any other.
// Where a browser has none, the forms stay hidden.

const CANCELED = "No passkey was used. Try again, or sign in another way.";
const NOT_ADDED = "No passkey was added. Try again.";
const PARTS = "clientDataJSON attestationObject authenticatorData signature userHandle".split(" ");
const KNOWN = "This device has a passkey here already.";

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function base64url(buffer) {
  const letters = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

const described = (credentials = []) => credentials.map((known) => ({ ...known, id: bytes(known.id) }));

// Browsers of before 2025 know neither parse…FromJSON nor toJSON.
const options = {
  create(json) {
    if (PublicKeyCredential.parseCreationOptionsFromJSON)
      return PublicKeyCredential.parseCreationOptionsFromJSON(json);
    const user = { ...json.user, id: bytes(json.user.id) };
    const excludeCredentials = described(json.excludeCredentials);
    return { ...json, user, excludeCredentials, challenge: bytes(json.challenge) };
  },
  get(json) {
    if (PublicKeyCredential.parseRequestOptionsFromJSON)
      return PublicKeyCredential.parseRequestOptionsFromJSON(json);
    return { ...json, allowCredentials: described(json.allowCredentials), challenge: bytes(json.challenge) };
  },
};

function answerOf(credential) {
  if (credential.toJSON) return credential.toJSON();
  const response = {};
  for (const name of PARTS) {
    if (credential.response[name]) response[name] = base64url(credential.response[name]);
  }
  const { id, type } = credential;
  return { id, type, rawId: base64url(credential.rawId), response, clientExtensionResults: {} };
}

async function asked(form) {
  const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value });
  const headers = { Accept: "application/json" };
  const answer = await fetch(form.dataset.options, { method: "POST", headers, body });
  const json = await answer.json();
  if (!answer.ok) throw new Error(json.detail);
  return json;
}

function sentence(error, kind) {
  if (error.name === "InvalidStateError") return KNOWN;
  if (error instanceof DOMException) return kind === "get" ? CANCELED : NOT_ADDED;
  return error.message;
}

async function use(form) {
  const kind = form.dataset.passkey;
  const said = form.querySelector("[data-said]");
  const button = form.querySelector("button");
  said.hidden = true;
  button.disabled = true;
  try {
    const credential = await navigator.credentials[kind]({ publicKey: options[kind](await asked(form)) });
    form.elements.answer.value = JSON.stringify(answerOf(credential));
    form.submit();
  } catch (error) {
    said.textContent = sentence(error, kind);
    said.hidden = false;
    button.disabled = false;
  }
}

if (window.PublicKeyCredential && navigator.credentials) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      use(form);
    });
  }
  for (const remark of document.querySelectorAll("[data-without-passkeys]")) remark.hidden = true;
}
