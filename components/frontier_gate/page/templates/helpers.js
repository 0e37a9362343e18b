"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const { width, height, left, right, top, bottom } = data.frame;
const all = (root, selector) => [...root.querySelectorAll(selector)];
const byId = id => document.getElementById(id);
const make = (tag, text = "", attributes = {}) => {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};
document.body.classList.add("scripted");
