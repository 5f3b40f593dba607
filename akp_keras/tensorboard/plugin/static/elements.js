// Elements of HTML and SVG from a name, attributes and content.

const SVG = 'http://www.w3.org/2000/svg';

export const make = (tag, attributes = {}, ...content) =>
  filled(document.createElement(tag), attributes, content);

export const drawn = (tag, attributes = {}, ...content) =>
  filled(document.createElementNS(SVG, tag), attributes, content);

export const byId = id => document.getElementById(id);

function filled(element, attributes, content) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...content.filter(part => part !== null && part !== undefined));
  return element;
}
