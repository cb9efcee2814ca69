/** Announces a message to a screen reader. */
export function say(message) {
  document.querySelector("#said").textContent = message;
}
