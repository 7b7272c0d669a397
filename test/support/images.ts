/** The smallest files that begin like images of their type; `salt` makes them differ. */
export const images = {
  png: (salt = '') => Buffer.from(`\x89PNG\r\n\x1a\n${salt}`, 'latin1'),
  jpg: (salt = '') => Buffer.from(`\xff\xd8\xff\xe0${salt}`, 'latin1'),
  webp: (salt = '') => Buffer.from(`RIFF\x04\x00\x00\x00WEBP${salt}`, 'latin1'),
};
