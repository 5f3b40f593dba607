// TensorBoard tells pages in frames that its data were read again, through a port that the page
// offers it. The interface is TensorBoard's experimental one, and nothing depends on an answer.

const RELOADED = 'experimental.DataReloaded';

export function onHostReload(reload) {
  if (window.parent === window) return;
  const channel = new MessageChannel();
  channel.port1.onmessage = async event => {
    // Messages are JSON texts.
    const {type, id, isReply} = JSON.parse(event.data);
    if (isReply || type !== RELOADED) return;
    let error = null;
    try {
      await reload();
    } catch (problem) {
      error = String(problem);
    }
    channel.port1.postMessage(JSON.stringify({type, id, payload: null, error, isReply: true}));
  };
  window.parent.postMessage('experimental.bootstrap', '*', [channel.port2]);
}
