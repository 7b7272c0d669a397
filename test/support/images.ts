/** The smallest things that begin as the images they are said to be; `salt` makes them different ones. */
export const images = {
  png: (salt = '') => Buffer.from(`\x89PNG\r\n\x1a\n${salt}`, 'latin1'),
  jpg: (salt = '') => Buffer.from(`\xff\xd8\xff\xe0${salt}`, 'latin1'),
  webp: (salt = '') => Buffer.from(`RIFF\x04\x00\x00\x00WEBP${salt}`, 'latin1'),
};
