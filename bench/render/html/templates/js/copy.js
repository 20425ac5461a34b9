function enableCopying(button) {
  const status = button.parentElement.querySelector("[role=status]");
  const area = document.getElementById(button.dataset.copies);
  button.hidden = false;
  button.addEventListener("click", async () => {
    area.select();
    try {
      await navigator.clipboard.writeText(area.value);
      status.textContent = "Copied.";
    } catch {
      status.textContent = "Selected: press Ctrl+C to copy.";
    }
  });
}
