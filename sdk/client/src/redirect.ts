/**
 * Decides whether the browser may be sent somewhere. The address came over the network: it is judged, not trusted.
 */

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Whether `address` is an absolute `https` URL, or an `http` one of the endpoint itself or of this machine. */
export function isSafeRedirect(address: string, endpoint: string): boolean {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return false;
  }
  if (url.protocol === "https:") return true;
  return url.protocol === "http:" && (url.origin === new URL(endpoint).origin || LOOPBACK.test(url.hostname));
}
