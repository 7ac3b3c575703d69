// The same endings without the package: what Node itself does.
const ways = {
  throws: () => {
    setTimeout(function userCode() {
      throw new TypeError('boom of the user');
    }, 1);
  },
  throwsText: () => {
    setTimeout(() => {
      throw 'only text';
    }, 1);
  },
  rejects: () => {
    void Promise.reject(new RangeError('rejected by the user'));
  },
  rejectsObject: () => {
    void Promise.reject({ not: 'an error' });
  },
};
ways[process.argv[2]]();
