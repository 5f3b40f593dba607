// Light or dark: as the system prefers, until somebody chooses; the choice is kept.

const KEY = 'akp.theme';
const system = window.matchMedia('(prefers-color-scheme: dark)');

export function followTheme(button, changed) {
  const apply = () => {
    const theme = kept() ?? (system.matches ? 'dark' : 'light');
    document.documentElement.dataset.theme = theme;
    button.setAttribute('aria-checked', theme === 'dark');
    changed();
  };
  button.addEventListener('click', () => {
    keep(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark');
    apply();
  });
  system.addEventListener('change', apply);
  apply();
}

// Browsers that keep nothing (private windows, blocked storage) throw on access.
let choice = null;

function kept() {
  try {
    choice = window.localStorage.getItem(KEY) ?? choice;
  } catch {
    // The choice of this page's lifetime stands.
  }
  return ['dark', 'light'].includes(choice) ? choice : null;
}

function keep(theme) {
  choice = theme;
  try {
    window.localStorage.setItem(KEY, theme);
  } catch {
    // It is forgotten with the page.
  }
}
