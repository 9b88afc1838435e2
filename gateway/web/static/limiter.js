// Runs asynchronous tasks, at most so many at once, in the order in which they came.

export function limiter(most) {
  const waiting = [];
  let running = 0;

  function next() {
    while (running < most && waiting.length) {
      running += 1;
      const { task, resolve, reject } = waiting.shift();
      task().then(resolve, reject).finally(() => { running -= 1; next(); });
    }
  }

  return (task) => new Promise((resolve, reject) => { waiting.push({ task, resolve, reject }); next(); });
}
