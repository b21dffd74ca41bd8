export { etagOfVersion, findIfMatch, requireIfMatch } from './entity-version.js';
