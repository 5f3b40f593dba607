(function () {
  var form = document.querySelector("form.choice");
  var comparisons = Array.prototype.slice.call(document.querySelectorAll("section.comparison"));
  function chosen(name) { return form.querySelector("input[name=" + name + "]:checked").value; }
  function show() {
    comparisons.forEach(function (section) {
      section.hidden =
        (chosen("layer") !== "all" && chosen("layer") !== section.dataset.layer) ||
        (chosen("measure") !== "all" && chosen("measure") !== section.dataset.measure);
    });
  }
  function follow() {
    var target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    var section = target && target.closest("section.comparison");
    if (!section || !section.hidden) { return; }
    ["layer", "measure"].forEach(function (name) {
      if (chosen(name) !== "all") {
        form.querySelector("input[name=" + name + "][value='" + section.dataset[name] + "']").checked = true;
      }
    });
    show();
    section.scrollIntoView();
  }
  document.documentElement.classList.add("scripted");
  form.addEventListener("change", show);
  window.addEventListener("hashchange", follow);
  show();
  follow();
})();
